"""A folder that another one of its name has replaced: what was delivered from the former one keeps its place, and what is in the new one is to be delivered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.deltas import Deltas
from bascule.mailbox.ledger import Foreign, Ledger, TargetFolder
from bascule.mailbox.setting_apart import set_apart
from bascule.terms.body import HeldBody
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import Outcome, OutcomeCode

PATH = FolderPath(("A",))
PLACE = TargetFolder(1, b"A 2025", 70, 300, "M1")


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    """With one folder, which is surveyed for the second time."""
    with Mailbox.open_or_create(tmp_path / "m", keeps_bodies=False) as opened:
        opened.folders.begin_delta(1_000)
        opened.folders.note_still()
        assert recorded(opened) == PLACE.folder
        opened.folders.set_uidvalidity(PLACE.folder, 7)
        opened.folders.begin_delta(2_000)
        yield opened


@pytest.fixture
def ledger(mailbox: Mailbox) -> Ledger:
    found = mailbox.ledger("imap://a@new.example")
    found.record_folder(PLACE)
    return found


def recorded(mailbox: Mailbox) -> int:
    return mailbox.folders.record(PATH, source_name=b"A", special_use=None, subscribed=True, selectable=True).id


def stored(mailbox: Mailbox, *uids: int, validity: int = 7) -> list[int]:
    new = [NewMessage(uid, frozenset(), InternalDate(0), HeldBody(b"%d" % uid)) for uid in uids]
    return mailbox.messages.store(PLACE.folder, validity, new)


def settle(ledger: Ledger, message: int, uid: int, code: OutcomeCode = OutcomeCode.DELIVERED) -> None:
    ledger.settle(PLACE.folder, [(message, Outcome(code, "", uid))])


def apart(mailbox: Mailbox, ledger: Ledger) -> int:
    former = set_apart(mailbox.database, ledger, PLACE.folder)
    assert former != PLACE.folder
    return former


def held(mailbox: Mailbox, ledger: Ledger, folder: int) -> dict[int, tuple[bool, int | None]]:
    """UID on the source → whether the message is there, and the UID of its copy."""
    query = "SELECT uid, vanished_utc IS NULL, target_uid FROM messages LEFT JOIN outcomes ON message = id AND target = ? WHERE folder = ?"
    rows = mailbox.database.execute(query, (ledger.target, folder))
    return {uid: (bool(is_there), copy) for uid, is_there, copy in rows}


def test_what_vanished_lies_where_it_lay_and_what_is_there_is_to_be_delivered(mailbox: Mailbox, ledger: Ledger) -> None:
    gone, there, _ = stored(mailbox, 1, 2, 3)
    settle(ledger, gone, 101)
    settle(ledger, there, 102)
    mailbox.messages.set_vanished([gone], 2_001)
    former = apart(mailbox, ledger)
    assert held(mailbox, ledger, former) == {1: (False, 101), 2: (False, 102)}
    assert held(mailbox, ledger, PLACE.folder) == {2: (True, None), 3: (True, None)}
    assert ledger.unsettled() == {PLACE.folder: 2}
    assert (ledger.folder(PLACE.folder), ledger.folder(former)) == (
        None,
        TargetFolder(former, b"A 2025", 70, 300, "M1"),
    )
    assert mailbox.messages.known(PLACE.folder, 7).keys() == {2, 3}


def test_messages_under_several_uidvalidities_may_be_there(mailbox: Mailbox, ledger: Ledger) -> None:
    """A run was cut while it looked which of them are known; others were retired before (`Folders.retire_uids`)."""
    for number, validity in enumerate((7, 8, -1, 2**32 - 1)):
        [message] = stored(mailbox, 1, validity=validity)
        settle(ledger, message, 101 + number)
        [gone] = stored(mailbox, 2, validity=validity)
        mailbox.messages.set_vanished([gone], 2_001)
    former = apart(mailbox, ledger)
    (count,) = mailbox.database.execute("SELECT count(*) FROM messages WHERE folder = ?", (former,)).fetchone()
    assert count == 8
    assert ledger.unsettled() == {PLACE.folder: 4}


def test_what_is_there_may_have_moved_there_from_the_former_one(mailbox: Mailbox, ledger: Ledger) -> None:
    [message] = stored(mailbox, 2)
    settle(ledger, message, 102)
    former = apart(mailbox, ledger)
    query = "SELECT last_delta, vanished_utc FROM messages WHERE folder = ?"
    last, vanished = mailbox.database.execute(query, (former,)).fetchone()
    (after,) = mailbox.database.execute("SELECT after_delta FROM messages WHERE id = ?", (message,)).fetchone()
    assert after in range(last, Deltas.read(mailbox.database).gone_in(last, vanished))


def test_a_message_that_came_from_elsewhere_came_to_the_former_one(mailbox: Mailbox, ledger: Ledger) -> None:
    earlier, later = stored(mailbox, 1, 2)
    settle(ledger, earlier, 101)
    settle(ledger, later, 102)
    mailbox.messages.set_vanished([earlier], 2_001)
    assert ledger.claim(earlier, later)
    former = apart(mailbox, ledger)
    query = "SELECT m.folder, m.uid FROM moves JOIN messages m ON m.id = later"
    assert mailbox.database.execute(query).fetchall() == [(former, 2)]


def test_what_is_refused_or_left_out_stays_so(mailbox: Mailbox, ledger: Ledger) -> None:
    [message] = stored(mailbox, 1)
    ledger.settle(PLACE.folder, [(message, Outcome(OutcomeCode.REFUSED_SIZE, "too large"))])
    former = apart(mailbox, ledger)
    assert held(mailbox, ledger, former) == {}
    (code,) = mailbox.database.execute("SELECT code FROM outcomes WHERE message = ?", (message,)).fetchone()
    assert code == OutcomeCode.REFUSED_SIZE.value


def test_all_that_is_known_of_the_place_goes_with_it(mailbox: Mailbox, ledger: Ledger) -> None:
    ledger.record_foreign(PLACE.folder, [Foreign(5, b"x" * 32)])
    ledger.unfinished.about_to_mark(PLACE.folder, [101])
    ledger.unfinished.unwatched(PLACE.folder, 300)
    other = mailbox.ledger("imap://a@third.example")
    other.record_folder(TargetFolder(PLACE.folder, b"A", 80))
    former = apart(mailbox, ledger)
    assert [copy.uid for copy in ledger.foreign(former)] == [5]
    assert ledger.foreign(PLACE.folder) == []
    assert (ledger.unfinished.cut_marks(former), ledger.unfinished.cut_marks(PLACE.folder)) == ([101], [])
    assert (ledger.unfinished.unwatched_since(former), ledger.unfinished.unwatched_since(PLACE.folder)) == (300, None)
    assert {row: place.name for row, place in other.folders().items()} == {PLACE.folder: b"A", former: b"A"}


def test_the_row_of_the_path_stays_the_one_that_is_used_when_the_folder_goes_and_comes(
    mailbox: Mailbox, ledger: Ledger
) -> None:
    for _ in range(3):
        settle(ledger, stored(mailbox, 1)[0], 101)
        apart(mailbox, ledger)
        assert recorded(mailbox) == PLACE.folder
        mailbox.database.execute("DELETE FROM messages WHERE folder = ?", (PLACE.folder,))
        ledger.record_folder(PLACE)
    mailbox.database.execute("UPDATE folders SET gone_utc = 2000")
    assert recorded(mailbox) == PLACE.folder
    assert [row.id for row in mailbox.folders.all()] == [PLACE.folder]


def test_another_uidvalidity_is_known_until_it_is_dealt_with(mailbox: Mailbox, ledger: Ledger) -> None:
    assert (mailbox.folders.revalidated(), ledger.placed()) == ({}, {})
    mailbox.folders.set_uidvalidity(PLACE.folder, 8)
    assert (mailbox.folders.revalidated(), ledger.placed()) == ({PLACE.folder: 2}, {})
    ledger.note_placed([PLACE.folder])
    assert ledger.placed() == {PLACE.folder: 2}
    assert mailbox.ledger("imap://a@third.example").placed() == {}
