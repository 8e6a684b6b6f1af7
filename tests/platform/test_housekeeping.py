"""What is done while nobody waits: after it, nobody does."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from bascule.mailbox import texts
from bascule.mailbox.database import unusable
from bascule.mailbox.format import segment_name
from bascule.mailbox.live import HANDED_OVER, Arriving, LiveMailbox
from bascule.mailbox.live.purging import purge
from bascule.mailbox.search import search, update_index
from bascule.platform import housekeeping
from bascule.platform.housekeeping import (
    LATEST_SECONDS,
    QUIET_SECONDS,
    ROUND_SECONDS,
    Due,
    PassedOver,
    Round,
    clean,
    keep,
    tidy,
)
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate
from support import messages
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule


def test_a_mailbox_is_left_alone_until_it_is_quiet_but_not_for_ever() -> None:
    due = Due()
    due.note("a", 0.0)
    due.note("b", 1.0)
    assert due.take(QUIET_SECONDS - 0.1) is None
    due.note("a", 1.5)
    assert due.take(QUIET_SECONDS + 1.0) == "b"
    for second in range(2, int(LATEST_SECONDS)):
        due.note("a", float(second))
        assert due.take(float(second)) is None
    due.note("a", LATEST_SECONDS)
    assert due.take(LATEST_SECONDS) == "a"
    assert due.take(1e9) is None


def test_new_messages_are_described_and_indexed(tmp_path: Path) -> None:
    mails = messages.many(30)
    with PrivateBascule(tmp_path) as server:
        client = Dialogue(server.imap)
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        client.ok("APPEND INBOX" + " {}" * len(mails), *mails)
        place = server.mailbox()
        deadline = time.monotonic() + 20
        while _counts(place) != (len(set(mails)), len(set(mails))):
            assert time.monotonic() < deadline, _counts(place)
            time.sleep(0.2)
        client.close()


HOSTILE = {
    "a declaration that does not end": b"Content-Type: text/html\r\n\r\n<p>word <![if !mso]> <![x<![",
    "tags that never end": b"Content-Type: text/html\r\n\r\nword " + b"<a <a <a <a <a\r\n" * 20_000,
    "a thousand levels": b"".join(
        b"Content-Type: multipart/mixed; boundary=%d.\r\n\r\n--%d.\r\n" % (n, n) for n in range(1000)
    ),
    "a charset that is none": b"X-Mailer: =?punycode?Q?a-%b?=\r\n\r\nword" % (b"b" * 60_000),
}


def test_a_strangers_mail_is_indexed_and_shown_like_any_other(tmp_path: Path) -> None:
    mails = [b"Subject: hostile %d\r\n" % n + mail for n, mail in enumerate(HOSTILE.values())]
    with PrivateBascule(tmp_path) as server:
        client = Dialogue(server.imap)
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        client.ok("APPEND INBOX" + " {}" * (len(mails) + 1), *mails, messages.plain(1))
        client.ok("SELECT INBOX")
        assert client.ok("SEARCH TEXT hostile").line(b"SEARCH") == b"* SEARCH 1 2 3 4"
        assert client.ok("SEARCH BODY word").line(b"SEARCH").startswith(b"* SEARCH 1 2 4")
        assert len(client.ok("FETCH 1:* (PREVIEW ENVELOPE BODYSTRUCTURE)").lines) == len(mails) + 1
        place = server.mailbox()
        deadline = time.monotonic() + 20
        while _counts(place) != (len(mails) + 1, len(mails) + 1):
            assert time.monotonic() < deadline, _counts(place)
            time.sleep(0.2)
        client.close()
        assert "process-died" not in server.log()


def test_a_mailbox_at_which_housekeeping_fails_is_named_and_the_next_is_looked_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    for name in "ab":
        LiveMailbox.create(tmp_path / f"mailboxes/{name}.mailbox", 1_700_000_000).close()
    until = asyncio.Event()
    told: list[tuple[str, object, object]] = []
    seen: list[str] = []

    def fail(place: Path, before_utc: int, ask_for_way: object) -> None:
        seen.append(place.stem)
        if len(seen) == 2:
            until.set()
        raise RecursionError("ours")

    def log(event: str, **fields: object) -> None:
        told.append((event, fields["account"], fields.get("exc_info")))

    monkeypatch.setattr("bascule.platform.housekeeping.clean", fail)
    asyncio.run(asyncio.wait_for(keep(tmp_path, 3600.0, until, log), 20))
    assert sorted(seen) == ["a", "b"]
    assert told == [("housekeeping-failed", name, True) for name in seen]


def test_the_log_of_a_server_names_no_command_to_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    LiveMailbox.create(tmp_path / "mailboxes/a.mailbox", 1_700_000_000).close()
    until = asyncio.Event()
    told: list[dict[str, object]] = []

    def fail(place: Path, before_utc: int, ask_for_way: object) -> None:
        until.set()
        raise unusable(place, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setattr("bascule.platform.housekeeping.clean", fail)
    asyncio.run(asyncio.wait_for(keep(tmp_path, 3600.0, until, lambda event, **fields: told.append(fields)), 20))
    [fields] = told
    assert str(fields["error"]).endswith("can't be written: database or disk is full.")
    assert "done again" in str(fields["advice"])
    assert "command" not in str(fields)


def test_a_mailbox_that_was_handed_over_is_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with LiveMailbox.create(tmp_path / "mailboxes/b.mailbox", 1_700_000_000) as box:
        box.mailbox.set_meta("live", HANDED_OVER)
    (tmp_path / "mailboxes/a.mailbox").mkdir()  # no mailbox at all: looked at after the other, and named
    until = asyncio.Event()
    told: list[object] = []

    def log(event: str, **fields: object) -> None:
        told.append(fields["account"])
        until.set()

    asyncio.run(asyncio.wait_for(keep(tmp_path, 3600.0, until, log), 20))
    assert told == ["a"]


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Five messages, of which the octets of the third are gone, and those of the fourth are no longer what they were."""
    place = tmp_path / "mailboxes/anna.mailbox"
    with LiveMailbox.create(place, 1_700_000_000) as box:
        mails = [b"Subject: word%d\r\n\r\ntext %b\r\n" % (n, b"x" * 500) for n in range(1, 6)]
        box.messages.append(_inbox(box), [Arriving(HeldBody(mail), frozenset(), InternalDate(0)) for mail in mails])
    with contextlib.closing(sqlite3.connect(place / segment_name(1))) as bodies, bodies:
        bodies.execute("DELETE FROM bodies WHERE id = 3")
        bodies.execute("UPDATE bodies SET data = x'00112233' WHERE id = 4")
    return place


def _inbox(box: LiveMailbox) -> int:
    found = box.folders.find(INBOX)
    assert found is not None
    return found.id


def test_a_damaged_message_is_named_once_and_the_others_are_described_and_found(damaged: Path) -> None:
    told: list[dict[str, object]] = []
    passed_over = PassedOver(lambda event, **fields: told.append({"event": event, **fields}))
    assert tidy(damaged, passed_over) == 3
    with LiveMailbox.open(damaged) as box:
        assert sorted(box.reading.described([1, 2, 3, 4, 5])) == [1, 2, 5]
        update_index(box.mailbox)
        assert {hit.uid for hit in search(box.mailbox, "text:text")} == {1, 2, 5}
        box.messages.append(_inbox(box), [Arriving(HeldBody(messages.plain(1)), frozenset(), InternalDate(0))])
    assert tidy(damaged, passed_over) == 1
    assert [(each["event"], each["account"], each["messages"], each["exc_info"]) for each in told] == [
        ("message-unreadable", "anna", ["INBOX UID 4"], False),
        ("message-unreadable", "anna", ["INBOX UID 3"], False),
    ]
    passed_over.forget(damaged)
    tidy(damaged, passed_over)
    assert len(told) == 4, "named again in the next round"


def test_a_message_that_is_purged_while_it_is_looked_at_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "mailboxes/anna.mailbox"
    with LiveMailbox.create(place, 1_700_000_000) as box:
        mails = [Arriving(HeldBody(messages.plain(n)), frozenset(), InternalDate(0)) for n in range(3)]
        box.messages.append(_inbox(box), mails)
    real, told = housekeeping.describe, list[object]()

    def purges_the_others(message: bytes) -> object:
        with LiveMailbox.open(place) as other:
            rows = [row.id for row in other.reading.rows(_inbox(other), 1, 2, limit=-1)]
            other.messages.expunge(_inbox(other), rows, 1_700_000_000)
            purge(other, 2**33)
        return real(message)

    monkeypatch.setattr(housekeeping, "describe", purges_the_others)
    assert tidy(place, PassedOver(lambda event, **fields: told.append(fields))) == 1
    assert told == []


def test_a_message_at_which_we_fail_is_named_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "mailboxes/anna.mailbox"
    with LiveMailbox.create(place, 1_700_000_000) as box:
        mails = [Arriving(HeldBody(messages.plain(n)), frozenset(), InternalDate(0)) for n in range(3)]
        box.messages.append(_inbox(box), mails)
    real, asked, told = housekeeping.describe, [0], []

    def fails_at_the_second(message: bytes) -> object:
        asked[0] += 1
        if message == messages.plain(1):
            raise RecursionError("ours")
        return real(message)

    monkeypatch.setattr(housekeeping, "describe", fails_at_the_second)
    passed_over = PassedOver(lambda event, **fields: told.append((event, fields["messages"], fields["exc_info"])))
    assert tidy(place, passed_over) == 2
    assert tidy(place, passed_over) == 0
    assert told == [("message-unreadable", ["INBOX UID 2"], True)]
    assert asked == [3], "it is not tried again at each change"


def test_a_message_whose_text_we_fail_to_read_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would find it by what it says, and nobody would know why."""
    place = tmp_path / "mailboxes/anna.mailbox"
    with LiveMailbox.create(place, 1_700_000_000) as box:
        mails = [Arriving(HeldBody(messages.plain(n)), frozenset(), InternalDate(0)) for n in range(3)]
        box.messages.append(_inbox(box), mails)
    real, told = texts.compared, []

    def fails_at_the_second(message: bytes) -> object:
        if message == messages.plain(1):
            raise RecursionError("ours")
        return real(message)

    monkeypatch.setattr(texts, "compared", fails_at_the_second)
    tidy(place, PassedOver(lambda event, **fields: told.append((event, fields["messages"], fields["exc_info"]))))
    assert told == [("message-unreadable", ["INBOX UID 2"], True)]
    assert _counts(place) == (3, 3)


def _counts(place: Path) -> tuple[int, int]:
    """Described, indexed."""
    with contextlib.closing(sqlite3.connect(place / "catalogue.sqlite")) as catalogue:
        described = catalogue.execute("SELECT count(*) FROM descriptions").fetchone()[0]
    if not (place / "texts.sqlite").exists():
        return described, 0
    with contextlib.closing(sqlite3.connect(place / "texts.sqlite")) as index:
        try:
            return described, index.execute("SELECT count(*) FROM texts").fetchone()[0]
        except sqlite3.OperationalError:
            return described, 0


def test_what_was_deleted_long_ago_goes_once_a_day(tmp_path: Path) -> None:
    place = tmp_path / "mailboxes/a.mailbox"
    with LiveMailbox.create(place, 1_700_000_000) as box:
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        mails = [Arriving(HeldBody(mail), frozenset(), InternalDate(0)) for mail in messages.many(5)]
        box.messages.append(inbox.id, mails)
        box.messages.expunge(inbox.id, [1, 2], 1_700_000_000)
        assert clean(place, 1_700_000_000).messages == 0
        assert clean(place, 1_700_000_001).messages == 2
    turn = Round(tmp_path / "mailboxes")
    assert turn.take(0.0) == place
    assert turn.take(ROUND_SECONDS - 1) is None
    assert turn.take(ROUND_SECONDS + 1) == place
