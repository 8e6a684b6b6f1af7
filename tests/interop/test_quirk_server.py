"""The quirk server without a quirk is a correct server, as the standard library's client and imapclient see it."""

import imaplib
import socket
from datetime import UTC, datetime, timedelta, timezone

import pytest
from imapclient import IMAPClient

from support import messages, reference
from support.quirks import Quirk, QuirkServer
from support.quirks.store import ARRIVAL

TEXT = messages.plain(1)


@pytest.fixture
def server():
    with QuirkServer() as started:
        yield started


@pytest.fixture
def client(server):
    with IMAPClient("127.0.0.1", server.port, ssl=False) as signed_in:
        signed_in.login(server.user, server.password)
        yield signed_in


class Dialogue:
    """Octet by octet, for what no library sends."""

    def __init__(self, server: QuirkServer) -> None:
        self.file = socket.create_connection(("127.0.0.1", server.port), timeout=10).makefile("rwb")
        self.file.readline()
        self.do(b"LOGIN anna secret")

    def do(self, command: bytes) -> list[bytes]:
        """What is answered, the tagged line last, without its tag."""
        self.file.write(b"t " + command + b"\r\n")
        self.file.flush()
        lines = []
        while not lines or not lines[-1].startswith(b"t "):
            lines.append(self.file.readline().rstrip(b"\r\n"))
            assert lines[-1], "the server closed the connection"
        return [*lines[:-1], lines[-1][2:]]


def test_a_wrong_password_is_refused_and_nothing_works_without_one(server) -> None:
    with imaplib.IMAP4("127.0.0.1", server.port) as plain:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            plain.login("anna", "wrong")
        with pytest.raises(imaplib.IMAP4.error):
            plain._simple_command("LIST", '""', '"*"')


def test_authenticate_plain_with_and_without_an_initial_response(server) -> None:
    with IMAPClient("127.0.0.1", server.port, ssl=False) as client:
        client.plain_login("anna", "secret")
        assert client.has_capability("UIDPLUS")
    with imaplib.IMAP4("127.0.0.1", server.port) as plain:
        assert plain.authenticate("PLAIN", lambda challenge: b"\0anna\0secret")[0] == "OK"


def test_what_is_appended_comes_back_octet_for_octet_with_flags_and_date(server, client) -> None:
    date = datetime(2015, 7, 3, 9, 5, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    octets = b"Subject: caf\xe9\r\n\r\n{5}\r\nz1 DELETE INBOX\r\n\r\n)"
    told = client.append("INBOX", octets, [b"\\Seen", b"$Forwarded"], date)
    assert b"[APPENDUID 1600000001 1]" in told
    assert reference.read_mailbox(server.port, "anna") == {
        ("INBOX", reference.hashlib.sha256(octets).hexdigest(), frozenset({"\\seen", "$forwarded"}), int(date.timestamp())): 1
    }  # fmt: skip
    [kept] = server.store.folders[b"INBOX"].messages
    assert (kept.octets, kept.date) == (octets, date)
    client.select_folder("INBOX", readonly=True)
    data = client.fetch([1], ["BODY.PEEK[HEADER]", "BODY[TEXT]", "RFC822.SIZE", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]"])[
        1
    ]
    assert data[b"BODY[HEADER]"] == b"Subject: caf\xe9\r\n\r\n" == data[b"BODY[HEADER.FIELDS (SUBJECT)]"]
    assert data[b"BODY[TEXT]"] == octets.partition(b"\r\n\r\n")[2]
    assert data[b"RFC822.SIZE"] == len(octets)


def test_several_messages_in_one_append_are_kept_all_or_none(server) -> None:
    talk = Dialogue(server)
    good = b'APPEND INBOX (\\Seen) " 3-Jul-2015 09:05:01 +0200" {4+}\r\nA: b {0+}\r\n ($x) {3+}\r\nc\r\n'
    assert talk.do(good) == [b"OK [APPENDUID 1600000001 1,2,3] done"]
    assert [m.octets for m in server.store.folders[b"INBOX"].messages] == [b"A: b", b"", b"c\r\n"]
    assert talk.do(b"APPEND INBOX {1+}\r\na (a{b) {1+}\r\nb")[-1].startswith(b"BAD")
    assert talk.do(b"APPEND Nowhere {1+}\r\na")[-1].startswith(b"NO [TRYCREATE]")
    assert len(server.store.folders[b"INBOX"].messages) == 3


def test_folders_are_made_listed_renamed_subscribed_and_removed(server, client) -> None:
    for name in ("Archive/2020", "Réunions", 'a "quoted" \\ name'):
        client.create_folder(name)
    client.subscribe_folder("Réunions")
    assert {name for _, _, name in client.list_folders()} == {
        "INBOX", "Archive", "Archive/2020", "Réunions", 'a "quoted" \\ name'
    }  # fmt: skip
    assert [name for _, _, name in client.list_folders(pattern="%")][:2] == ["INBOX", "Archive"]
    assert {name for _, _, name in client.list_sub_folders()} == {"INBOX", "Réunions"}
    client.rename_folder("Archive", "Old")
    client.delete_folder("Old/2020")
    with pytest.raises(Exception, match="ALREADYEXISTS"):
        client.create_folder("inbox")
    assert sorted(server.store.folders) == [b"INBOX", b"Old", b"R&AOk-unions", b'a "quoted" \\ name']
    assert client.namespace().personal == (("", "/"),)


def test_a_name_that_no_quotes_can_hold_is_listed_as_a_literal(server) -> None:
    server.store.create(b"a\nb")
    assert Dialogue(server).do(b'LIST "" a*') == [b'* LIST () "/" {3}', b"a", b"b", b"OK done"]


def test_list_tells_subscriptions_children_uses_and_statuses(server) -> None:
    server.store.create(b"Sent", b"\\Sent", subscribed=False)
    server.store.append(server.store.folders[b"INBOX"], TEXT)
    lines = Dialogue(server).do(b'LIST "" "*" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UIDNEXT))')
    assert lines == [
        b'* LIST (\\HasNoChildren \\Subscribed) "/" "INBOX"', b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"',
        b'* STATUS "INBOX" (MESSAGES 1 UIDNEXT 2)', b'* STATUS "Sent" (MESSAGES 0 UIDNEXT 1)', b"OK done",
    ]  # fmt: skip


def test_status_select_and_examine_tell_the_same(server, client) -> None:
    server.store.append(server.store.folders[b"INBOX"], TEXT, [b"Projet-X"])
    status = client.folder_status("INBOX", ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ"])
    assert status == {b"MESSAGES": 1, b"UIDNEXT": 2, b"UIDVALIDITY": 1600000001, b"UNSEEN": 1, b"HIGHESTMODSEQ": 2}
    opened = client.select_folder("INBOX")
    assert (opened[b"EXISTS"], opened[b"UIDNEXT"], opened[b"UIDVALIDITY"]) == (1, 2, 1600000001)
    assert b"Projet-X" in opened[b"FLAGS"]
    assert b"\\*" in opened[b"PERMANENTFLAGS"]
    assert client.select_folder("INBOX", readonly=True)[b"READ-ONLY"] == [b""]


def test_only_a_body_without_peek_in_a_selected_folder_marks_as_read(server, client) -> None:
    inbox = server.store.folders[b"INBOX"]
    server.store.append(inbox, TEXT)
    client.select_folder("INBOX")
    client.fetch([1], ["BODY.PEEK[]"])
    client.select_folder("INBOX", readonly=True)
    client.fetch([1], ["BODY[]"])
    assert inbox.messages[0].flags == frozenset()
    with pytest.raises(Exception, match="READ-ONLY"):
        client.add_flags([1], [b"\\Seen"])
    client.select_folder("INBOX")
    client.fetch([1], ["BODY[]"])
    assert inbox.messages[0].flags == {b"\\Seen"}


def test_search_finds_by_what_it_is_asked(server, client) -> None:
    inbox = server.store.folders[b"INBOX"]
    for number in range(5):
        flags = [b"\\Seen", b"Blue"] if number % 2 else []
        server.store.append(inbox, messages.plain(number), flags, ARRIVAL + timedelta(days=number))
    client.select_folder("INBOX", readonly=True)
    for criteria, found in [
        ("ALL", [1, 2, 3, 4, 5]), ("UID 2:3", [2, 3]), ("UID 9:*", [5]), ("SEEN", [2, 4]), ("UNSEEN", [1, 3, 5]),
        ("KEYWORD blue", [2, 4]), ("SINCE 3-Feb-2020", [3, 4, 5]), ("BEFORE 2-Feb-2020", [1]), ("ON 2-Feb-2020", [2]),
        ("HEADER Message-ID <3@example.org>", [4]), ("NOT (OR SEEN UID 1)", [3, 5]), ("1:2", [1, 2]), ("LARGER 1", [1, 2, 3, 4, 5]),
        ("SUBJECT \"number 2\"", [3]), ("MODSEQ 5", [4, 5]),
    ]:  # fmt: skip
        assert list(client.search(criteria)) == found, criteria
    assert Dialogue(server).do(b"SELECT INBOX")[-1] == b"OK [READ-WRITE] open"
    talk = Dialogue(server)
    talk.do(b"EXAMINE INBOX")
    assert talk.do(b"UID SEARCH RETURN (MIN MAX COUNT ALL) SEEN")[0] == (
        b'* ESEARCH (TAG "t") UID MIN 2 MAX 4 ALL 2,4 COUNT 2'
    )


def test_copy_move_and_uid_expunge(server, client) -> None:
    inbox = server.store.folders[b"INBOX"]
    for number in range(4):
        server.store.append(inbox, messages.plain(number))
    client.create_folder("A")
    client.select_folder("INBOX")
    client.copy([1], "A")
    client.move([2], "A")
    client.add_flags([3, 4], [b"\\Deleted"])
    client.uid_expunge([3])
    assert [m.uid for m in inbox.messages] == [1, 4]
    assert [m.octets for m in server.store.folders[b"A"].messages] == [messages.plain(0), messages.plain(1)]
    with pytest.raises(Exception, match="TRYCREATE"):
        client.copy([1], "Nowhere")


def test_what_others_did_is_told_at_the_next_noop_and_numbers_stay_right(server) -> None:
    inbox = server.store.folders[b"INBOX"]
    for number in range(3):
        server.store.append(inbox, messages.plain(number))
    talk = Dialogue(server)
    talk.do(b"SELECT INBOX")
    inbox.remove(inbox.messages[:1])
    inbox.change(inbox.messages[0], [b"\\Flagged"])
    server.store.append(inbox, TEXT)
    assert talk.do(b"FETCH 3 UID") == [b"* 3 FETCH (UID 3)", b"OK done"]
    assert talk.do(b"NOOP") == [b"* 1 EXPUNGE", b"* 3 EXISTS", b"* 1 FETCH (UID 2 FLAGS (\\Flagged))", b"OK done"]
    assert talk.do(b"FETCH 3 UID") == [b"* 3 FETCH (UID 4)", b"OK done"]


def test_changes_since_a_modseq_and_what_vanished(server) -> None:
    inbox = server.store.folders[b"INBOX"]
    for number in range(4):
        server.store.append(inbox, messages.plain(number))
    then = inbox.modseq
    inbox.change(inbox.messages[2], [b"Late"])
    inbox.remove(inbox.messages[:1])
    talk = Dialogue(server)
    assert talk.do(b"SELECT INBOX (QRESYNC (1600000001 5))")[-1].startswith(b"BAD")
    assert talk.do(b"ENABLE QRESYNC") == [b"* ENABLED QRESYNC", b"OK done"]
    lines = talk.do(b"EXAMINE INBOX (QRESYNC (1600000001 %d))" % then)
    assert b"* VANISHED (EARLIER) 1" in lines
    assert b"* 2 FETCH (UID 3 FLAGS (Late) MODSEQ (6))" in lines
    assert talk.do(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % then) == [
        b"* 2 FETCH (UID 3 FLAGS (Late) MODSEQ (6))", b"OK done"
    ]  # fmt: skip


def test_idle_ends_with_done(server, client) -> None:
    client.select_folder("INBOX")
    client.idle()
    server.store.append(server.store.folders[b"INBOX"], TEXT)
    assert client.idle_done()[1] == [(1, b"EXISTS")]


def test_a_capability_that_is_taken_away_is_neither_offered_nor_done(server) -> None:
    class Bare(Quirk):
        without = frozenset({"UIDPLUS", "MULTIAPPEND", "CONDSTORE", "QRESYNC", "LIST-EXTENDED", "ESEARCH"})

    with QuirkServer(Bare()) as bare:
        talk = Dialogue(bare)
        assert b"UIDPLUS" not in talk.do(b"CAPABILITY")[0]
        assert talk.do(b"APPEND INBOX {1+}\r\na") == [b"OK done"]
        assert talk.do(b"APPEND INBOX {1+}\r\na {1+}\r\nb")[-1].startswith(b"BAD")
        assert talk.do(b'LIST "" "*" RETURN (SUBSCRIBED)')[-1].startswith(b"BAD")
        assert not any(b"MODSEQ" in line for line in talk.do(b"SELECT INBOX"))
        assert talk.do(b"UID SEARCH RETURN (ALL) ALL")[-1].startswith(b"BAD")
        assert talk.do(b"UID EXPUNGE 1")[-1].startswith(b"BAD")


def test_every_command_is_kept_and_garbage_ends_nothing(server) -> None:
    talk = Dialogue(server)
    for garbage in (b"(((", b'LIST "', b"FROBNICATE", b"", b"UID FETCH x FLAGS", b"FETCH 1 FLAGS"):
        assert talk.do(garbage)[-1].startswith(b"BAD"), garbage
    talk.do(b"EXAMINE INBOX")
    talk.do(b"UID FETCH 1:* (BODY.PEEK[])")
    assert [(c.connection, c.verb) for c in server.commands][-2:] == [(1, "EXAMINE"), (1, "UID FETCH")]
    assert server.commands[-1].line == b"t UID FETCH 1:* (BODY.PEEK[])"


def test_dates_are_written_as_the_rfc_says() -> None:
    from support.quirks.syntax import format_date, parse_date

    assert format_date(datetime(2020, 2, 1, 10, 0, tzinfo=UTC)) == b'"01-Feb-2020 10:00:00 +0000"'
    assert parse_date(b" 1-Feb-2020 10:00:00 -0330").isoformat() == "2020-02-01T10:00:00-03:30"
