"""Nobody's mail waits behind another's: not behind a dead domain, nor a slow one, nor a message that breaks something here."""

import contextlib
import email
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bascule.platform.octets import FileOctets
from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.queue import QueueStore, State, limits
from bascule.platform.smtp.queue.attempt import Silence
from bascule.platform.smtp.queue.conclusion import Patience
from bascule.platform.smtp.queue.meaning import later
from bascule.platform.smtp.queue.runner import Part, choose
from bascule.platform.smtp.queue.store import lane_of
from bascule.terms.body import CHUNK_OCTETS, HELD_OCTETS, HeldBody
from support.dns import PrivateDns
from support.far_server import Answer, FarServer
from support.queue_rig import TEXT, queue_rig
from support.server import ANNA

BOB = "bob@example.org"

# -- which comes next -------------------------------------------------------------------------------------------------


def chosen(waiting: dict[str, int], in_hand: list[Part] | None = None) -> list[Part]:
    """``waiting``: how many messages in each lane, those in hand among them."""
    due = {lane: [f"{lane}/{number}" for number in range(count)] for lane, count in waiting.items()}
    return choose(list(waiting), lambda lane, limit: due[lane][:limit], in_hand or [])


def test_a_domain_has_a_few_connections_and_mailboxes_of_one_lane_a_thread() -> None:
    begun = chosen({"far.example": 1000, "@01": 1000})
    assert [part.lane for part in begun].count("far.example") == limits.CONNECTIONS_TO_ONE
    assert [part.lane for part in begun].count("@01") == 1
    assert chosen({"far.example": 1000, "@01": 1000}, begun) == []


def test_connections_take_nothing_from_mailboxes() -> None:
    waiting = {f"far{number}.example": 100 for number in range(500)} | {f"@{number}": 1 for number in range(500)}
    begun = chosen(waiting)
    here = [part for part in begun if part.is_for_here]
    assert len(here) == limits.DELIVERIES
    assert len(begun) - len(here) == limits.CONNECTIONS
    assert chosen(waiting, begun) == []


def test_few_domains_leave_connections_to_others() -> None:
    slow = {f"slow{number}.example": 1000 for number in range(limits.CONNECTIONS)}
    some = dict(list(slow.items())[:40])
    begun = chosen(some)
    begun += chosen(some, begun)
    assert len(begun) == limits.CONNECTIONS_SHARED
    assert {part.lane for part in begun} == set(some)
    [new] = chosen(some | {"far.example": 1}, begun)
    assert new.lane == "far.example"


def test_the_last_connection_is_for_a_domain_that_has_none() -> None:
    waiting = {f"far{number}.example": 1000 for number in range(limits.CONNECTIONS - 1)}
    begun = [Part(lane, f"{lane}/0") for lane in waiting]
    [new] = chosen(waiting | {"last.example": 1}, begun)
    assert new.lane == "last.example"


def test_lanes_whose_messages_are_all_in_hand_hide_no_other() -> None:
    waiting = {f"far{number}.example": 1 for number in range(limits.CONNECTIONS - 1)}
    begun = chosen(waiting)
    assert len(begun) == limits.CONNECTIONS - 1
    [new] = chosen(waiting | {"last.example": 1}, begun)
    assert new.lane == "last.example"


@pytest.mark.parametrize(
    ("address", "is_here", "lane"),
    [
        ("Zoe@Far.example", False, "far.example"),
        ('"a@b"@far.example', False, "far.example"),
        ("Anna@example.org", True, lane_of("anna@example.org", is_here=True)),
        ("postmaster", False, "@37"),
        ("u@[127.0.0.1]", False, "[127.0.0.1]"),
    ],
)
def test_the_lane_of_an_address(address: str, is_here: bool, lane: str) -> None:
    assert lane_of(address, is_here=is_here) == lane


def test_the_store_gives_lanes_in_the_order_of_time_and_jumps_over_what_is_not_due(tmp_path: Path) -> None:
    now = 1000.0
    store = QueueStore(tmp_path, clock=lambda: now)
    store.put("1", ANNA, ["a@late.example"], HeldBody(TEXT))
    store.postpone("1", "a@late.example", 2000.0, "")
    for number, address in enumerate(["a@b.example", "a@a.example", "c@b.example", BOB]):
        now += 1
        store.put(str(10 + number), ANNA, [address], HeldBody(TEXT), here=[BOB])
    assert store.lanes_due() == ["b.example", "a.example", lane_of(BOB, is_here=True)]
    assert store.due("b.example", 10) == ["10", "12"]
    assert store.due("b.example", 1) == ["10"]
    now = 3000.0
    assert store.lanes_due()[-1] == "late.example"
    store.close()


def test_a_queue_of_before_lanes_gets_them(tmp_path: Path) -> None:
    store = QueueStore(tmp_path)
    store.put("1", ANNA, ["zoe@far.example", BOB], HeldBody(TEXT))
    store.close()
    with sqlite3.connect(tmp_path / "queue.sqlite") as database:
        database.execute("DROP INDEX recipients_lane")
        database.execute("ALTER TABLE recipients DROP COLUMN lane")
        database.execute("ALTER TABLE messages DROP COLUMN is_spam")
    for _ in range(2):
        store = QueueStore(tmp_path)
        assert sorted(store.lanes_due()) == ["example.org", "far.example"]
        store.close()


# -- silence ----------------------------------------------------------------------------------------------------------


def test_what_was_due_before_a_fruitless_attempt_gets_its_answer_and_what_comes_later_another_attempt() -> None:
    silence, found = Silence(rest_seconds=10.0), later("4.4.1", "no answer")
    silence.note("far.example", 100.0, 110.0, found)
    assert silence.answer("far.example", 50.0, 120.0) is found
    assert silence.answer("far.example", 109.0, 120.0) is found
    assert silence.answer("far.example", 111.0, 120.0) is None
    assert silence.answer("other.example", 50.0, 120.0) is None
    silence.reached("far.example", 120.0)
    assert silence.answer("far.example", 50.0, 120.0) is None
    silence.note("far.example", 119.0, 129.0, found)  # began before another attempt came through
    assert silence.answer("far.example", 50.0, 120.0) is None


def test_silence_of_a_clock_that_was_ahead_says_nothing() -> None:
    day = 86400.0
    silence = Silence(rest_seconds=10.0)
    silence.note("far.example", 100.0 + day, 110.0 + day, later("4.4.1", "no answer"))
    assert silence.answer("far.example", 100.0 + day, 105.0 + day) is not None
    assert silence.answer("far.example", 100.0, 105.0) is None


def test_what_was_put_off_by_a_clock_that_was_ahead_is_tried_again(tmp_path: Path) -> None:
    with queue_rig(tmp_path) as rig:
        rig.put("far", ANNA)
        rig.put("held", ANNA)
        rig.put("soon", ANNA)
        rig.store.put_off("far", {ANNA: time.time() + 30 * 86400})
        rig.store.put_off("soon", {ANNA: time.time() + limits.LONGEST_RETRY_SECONDS - 60})
        rig.store.change("held", State.HELD)
        rig.store.put_off("held", {ANNA: time.time() + 30 * 86400})
        rig.run(lambda: [entry.id for entry in rig.store.all()] == ["held", "soon"] or not rig.store.get("far"))
        assert {entry.id for entry in rig.store.all()} == {"held", "soon"}


def test_silence_has_an_end_of_memory() -> None:
    silence = Silence(rest_seconds=10.0)
    for number in range(limits.DOMAINS_REMEMBERED + 1):
        silence.note(f"{number}.example", 1.0, 11.0, later("4.4.1", "no answer"))
    assert silence.answer("0.example", 1.0, 1.0) is None
    assert silence.answer("1.example", 1.0, 1.0) is not None


# -- together ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def mute() -> Iterator[FarServer]:
    """It takes connections, and never says a word."""
    with FarServer({"greeting": lambda connection: connection.recv(1)}, host="127.0.0.9") as server:
        yield server


def test_a_dead_domain_holds_back_neither_a_mailbox_here_nor_another_domain(tmp_path: Path, mute: FarServer) -> None:
    with queue_rig(tmp_path, mute.port) as rig, FarServer(host="127.0.0.8", port=mute.port) as far:
        for number in range(60):
            rig.put(f"a{number:02}", f"u{number}@[127.0.0.9]")
        rig.put("y", "zoe@[127.0.0.8]")
        rig.put("z", ANNA)
        assert rig.run(lambda: rig.messages() != [] and far.messages != []) < 25.0
        assert mute.connections == limits.CONNECTIONS_TO_ONE


def test_many_messages_to_a_server_that_is_down_cost_one_round_of_connections(tmp_path: Path) -> None:
    with (
        FarServer({"greeting": b"421 4.3.2 too busy\r\n"}) as server,
        queue_rig(tmp_path, server.port, rest_seconds=10.0) as rig,
    ):
        for number in range(60):
            rig.put(f"a{number:02}", f"u{number}@[127.0.0.1]")
        rig.run(lambda: all(each.recipients[0].attempts == 1 for each in rig.store.all()))
        assert server.connections <= limits.CONNECTIONS_TO_ONE
        assert len(rig.store.all()) == 60
        assert {row.event for row in rig.rows()} == {"delayed"}


@pytest.mark.parametrize("greeting", [b"554 5.3.2 no service\r\n", b"521 5.3.2 maintenance\r\n"], ids=["554", "521"])
def test_a_smarthost_that_is_down_is_asked_once_for_all_domains(tmp_path: Path, greeting: bytes) -> None:
    """What a domain's own host says of itself for good (RFC 7504), a smarthost does not say of all domains."""
    with FarServer({"greeting": greeting}) as server:
        smarthost = Endpoint("127.0.0.1", server.port), None
        with queue_rig(tmp_path, smarthost=smarthost, rest_seconds=10.0) as rig:
            for number in range(20):
                rig.put(f"a{number:02}", f"u@far{number}.example")
            rig.run(lambda: all(each.recipients[0].attempts == 1 for each in rig.store.all()))
            first = server.connections
            for number in range(20):
                rig.put(f"b{number:02}", f"u@far{number}.example")
            rig.run(lambda: all(each.recipients[0].attempts == 1 for each in rig.store.all()))
            assert server.connections == first
            assert len(rig.store.all()) == 40


@pytest.mark.needs("dnsmasq")
@pytest.mark.parametrize(
    "answers",
    [
        {"greeting": b"554 5.7.1 no SMTP service here\r\n"},
        {"greeting": b"521 5.3.2 this host takes no mail\r\n"},
        {"EHLO": b"550 5.7.1 no\r\n", "HELO": b"550 5.7.1 no\r\n"},
    ],
    ids=["554", "521", "no-hello"],
)
def test_where_the_first_host_of_a_domain_takes_no_mail_the_next_one_gets_it(
    tmp_path: Path, answers: Mapping[str, Answer]
) -> None:
    """RFC 5321 §5.1; in a greeting 554 (§3.1) and 521 (RFC 7504 §3) are of that host."""
    records = (
        "mx-host=far.example,mx1.far.example,10", "mx-host=far.example,mx2.far.example,20",
        "host-record=mx1.far.example,127.0.0.8", "host-record=mx2.far.example,127.0.0.9",
    )  # fmt: skip
    with (
        PrivateDns(tmp_path / "dns", *records) as dns,
        FarServer(answers, host="127.0.0.8") as first,
        FarServer(host="127.0.0.9", port=first.port) as second,
        queue_rig(tmp_path, first.port, nameservers=(Endpoint("127.0.0.1", dns.port),)) as rig,
    ):
        rig.put("a", "zoe@far.example")
        rig.run(lambda: not rig.store.all())
        assert (first.connections, len(first.messages), len(second.messages)) == (1, 0, 1)
        assert [row.event for row in rig.rows() if row.message == "a"] == ["sent"]
        assert rig.messages() == [], "no notice"


def test_a_reply_that_is_not_utf_8_settles_its_message(tmp_path: Path) -> None:
    answer = "550 5.1.1 boîte inconnue\r\n".encode("latin-1")
    with FarServer({"RCPT": answer}) as server, queue_rig(tmp_path, server.port) as rig:
        rig.put("a", "zoe@[127.0.0.1]")
        rig.run(lambda: rig.messages() != [] and not rig.store.all())
        assert server.count(b"RCPT") == 1
        assert (
            "boîte inconnue"
            in email.message_from_bytes(rig.messages()[0]).get_payload()[0].get_payload(decode=True).decode()
        )  # type: ignore[union-attr, index]
        assert [(row.event, row.detail) for row in rig.rows() if row.message == "a"] == [("bounced", "550 5.1.1 boîte inconnue")]  # fmt: skip


def test_a_message_that_breaks_something_here_is_tried_again_later_and_holds_nobody_up(tmp_path: Path) -> None:
    with FarServer() as server, queue_rig(tmp_path, server.port) as rig:
        rig.put("a", "zoe@[127.0.0.1]")
        rig.store.file_of("a").unlink()
        rig.store.file_of("a").mkdir()  # it can be opened, and not be read
        for number in range(10):
            rig.put(f"b{number}", "bob@[127.0.0.1]")
        rig.run(lambda: len(rig.store.all()) == 1 and "queue-error" in dict(rig.logged))
        [entry] = rig.store.all()
        assert entry.recipients[0].next_utc > time.time() + limits.ERROR_SECONDS / 2
        assert "could not work on it" in entry.recipients[0].reply


def test_a_long_answer_is_told_in_short(tmp_path: Path) -> None:
    answer = b"".join(b"550-5.1.1 %s\r\n" % (b"no " * 300) for _ in range(50)) + b"550 5.1.1 no\r\n"
    with FarServer({"RCPT": answer}) as server, queue_rig(tmp_path, server.port) as rig:
        rig.put("a", *(f"u{number}@[127.0.0.1]" for number in range(20)))
        rig.run(lambda: rig.messages() != [])
        assert len(rig.messages()[0]) < 100_000


def test_a_row_that_nobody_understands_is_logged_and_the_others_go_on(tmp_path: Path) -> None:
    with FarServer() as server, queue_rig(tmp_path, server.port) as rig:
        rig.put("a", "zoe@[127.0.0.1]")
        with sqlite3.connect(tmp_path / "queue.sqlite") as database:
            database.execute("UPDATE messages SET sender = x'00'")
        for number in range(10):
            rig.put(f"b{number}", "bob@[127.0.0.1]")
        rig.run(lambda: len(rig.store.all()) == 1 and "bug" in dict(rig.logged))
        [entry] = rig.store.all()
        assert entry.recipients[0].next_utc > time.time() + 60.0
        assert isinstance(dict(rig.logged)["bug"]["exc_info"], TypeError)


def test_a_delay_at_many_domains_is_told_once(tmp_path: Path) -> None:
    patience, answers = Patience(first_retry_seconds=1.0, warn_seconds=2.0), {"RCPT": b"451 4.7.1 greylisted\r\n"}
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(FarServer(answers))
        for number in range(2, 13):
            stack.enter_context(FarServer(answers, host=f"127.0.0.{number}", port=first.port))
        rig = stack.enter_context(queue_rig(tmp_path, first.port, patience=patience))
        rig.put("a", *(f"u@[127.0.0.{number}]" for number in range(1, 13)))
        rig.run(lambda: all(each.is_told for each in rig.store.all()[0].recipients) and rig.messages() != [])
        [notice] = rig.messages()
        assert notice.count(b"Action: delayed") == 12
        assert notice.count(b"Status: 4.7.1") == 12


def test_a_notice_reaches_a_sender_whose_address_is_not_ascii(tmp_path: Path) -> None:
    answers = {"EHLO": b"250-far\r\n250 SMTPUTF8\r\n", "RCPT TO:<zoe": b"550 5.1.1 nobody\r\n"}
    with FarServer(answers) as server, queue_rig(tmp_path, server.port) as rig:
        rig.put("a", "zoe@[127.0.0.1]", sender="zoé@[127.0.0.1]")
        rig.run(lambda: not rig.store.all())
        assert server.heard.count(b"MAIL FROM:<> SMTPUTF8") == 1
        [notice] = server.messages
        assert notice.startswith("To: zoé@[127.0.0.1]\r\n".encode())


def test_a_mailbox_that_can_not_be_opened_is_tried_once_for_all_that_waits_for_it(tmp_path: Path) -> None:
    with queue_rig(tmp_path, logins=(ANNA, BOB)) as rig:
        anna = rig.accounts.find(ANNA)
        assert anna is not None
        place = rig.mailboxes.place_of(anna.id)
        place.parent.mkdir()
        place.write_text("no mailbox")
        for number in range(20):
            rig.put(f"a{number:02}", ANNA)
        rig.put("b", BOB)
        rig.run(lambda: rig.messages(BOB) != [] and not rig.store.lanes_due())
        assert [event for event, _ in rig.logged] == ["not-delivered"]
        assert {entry.recipients[0].reply for entry in rig.store.all()} == {
            "452 4.2.0 the mailbox can't be written to now"
        }


def test_rows_without_a_message_go(tmp_path: Path) -> None:
    with queue_rig(tmp_path) as rig:
        rig.put("a", ANNA)
        with sqlite3.connect(tmp_path / "queue.sqlite") as database:
            database.execute("DELETE FROM messages")
        rig.run(lambda: not rig.store.lanes_due())


def test_a_message_for_many_goes_out_in_several_transactions(tmp_path: Path) -> None:
    with FarServer() as server, queue_rig(tmp_path, server.port) as rig:
        rig.put("a", *(f"u{number}@[127.0.0.1]" for number in range(limits.RECIPIENTS * 2 + 1)))
        rig.run(lambda: not rig.store.all())
        assert server.count(b"MAIL") == 3
        assert server.count(b"RCPT") == limits.RECIPIENTS * 2 + 1


def test_a_large_message_reaches_many_mailboxes_at_once_as_it_was(tmp_path: Path) -> None:
    """Several readers of one file: none moves another's place in it."""
    logins = tuple(f"u{number}@example.org" for number in range(limits.DELIVERIES + 2))
    text = b"Subject: x\r\n\r\n" + b"".join(b"%08d %s\r\n" % (number, b"x" * 60) for number in range(90_000))
    with queue_rig(tmp_path, logins=logins) as rig:
        rig.put("a", *logins, text=text, sender="")
        rig.run(lambda: not rig.store.all())
        for login in logins:
            [found] = rig.messages(login)
            assert found.endswith(b"\r\n" + text), login


def test_the_event_loop_reads_nothing_of_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty messages of 50 MB would hold up all others while they are read; so pieces are read in threads, one at a time."""
    readers: set[int] = set()
    largest: list[int] = []
    opened, chunks, start = FileOctets.__init__, FileOctets.chunks, FileOctets.start

    def noted_open(octets: FileOctets, path: Path) -> None:
        readers.add(threading.get_ident())
        opened(octets, path)

    def noted_chunks(octets: FileOctets) -> Iterator[bytes]:
        for piece in chunks(octets):
            readers.add(threading.get_ident())
            largest.append(len(piece))
            yield piece

    def noted_start(octets: FileOctets, count: int) -> bytes:
        readers.add(threading.get_ident())
        return start(octets, count)

    monkeypatch.setattr(FileOctets, "__init__", noted_open)
    monkeypatch.setattr(FileOctets, "chunks", noted_chunks)
    monkeypatch.setattr(FileOctets, "start", noted_start)
    text = b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * (HELD_OCTETS // 999)
    with FarServer() as server, queue_rig(tmp_path, server.port) as rig:
        rig.put("a", ANNA, "zoe@[127.0.0.1]", text=text)
        rig.run(lambda: not rig.store.all())
        assert len(rig.messages()) == len(server.messages) == 1
    assert readers
    assert threading.get_ident() not in readers, "the rig's event loop is in this thread"
    assert max(largest) <= CHUNK_OCTETS


# -- whose mailbox ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["postmaster@example.org", "abuse@example.org", "postmaster", "Postmaster@example.org"]
)
def test_what_waits_for_postmaster_reaches_the_postmaster(tmp_path: Path, address: str) -> None:
    with queue_rig(tmp_path, postmaster=ANNA) as rig:
        rig.put("a", address, sender="else@where.example")
        rig.run(lambda: not rig.store.all())
        [found] = rig.messages()
        assert f"\r\nDelivered-To: {address}\r\n".encode() in found


def test_without_a_postmaster_nobody_is_named_so(tmp_path: Path) -> None:
    with queue_rig(tmp_path) as rig:
        rig.put("a", "postmaster@example.org")
        rig.run(lambda: rig.messages() != [])
        assert b"Status: 5.1.1" in rig.messages()[0]


def test_what_a_filter_called_spam_goes_to_junk_from_the_queue_too(tmp_path: Path) -> None:
    with queue_rig(tmp_path) as rig:
        rig.store.put("a", "else@where.example", [ANNA], HeldBody(TEXT), here=[ANNA], is_spam=True)
        rig.run(lambda: not rig.store.all())
        assert rig.messages() == []
        assert len(rig.messages(folder="Junk")) == 1


def test_what_waits_in_the_wrong_lane_finds_its_way(tmp_path: Path) -> None:
    with FarServer() as server, queue_rig(tmp_path, server.port) as rig:
        rig.store.put("a", ANNA, ["zoe@[127.0.0.1]"], HeldBody(TEXT), here=["zoe@[127.0.0.1]"])
        rig.store.put("b", "", [ANNA], HeldBody(TEXT), here=[])
        rig.run(lambda: not rig.store.all())
        assert len(server.messages) == 1
        assert len(rig.messages()) == 1
