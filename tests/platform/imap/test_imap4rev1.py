"""What every command does, RFC 3501 and RFC 9051 §6: the ground that the extensions stand on."""

import pytest

from support.dialogue import Dialogue
from support.server import PASSWORD, PrivateBascule

MAIL = b"From: Anna <anna@example.org>\r\nTo: bob@example.org\r\nSubject: Hello\r\nDate: Thu, 20 Nov 2025 09:00:00 +0100\r\n\r\nGood day.\r\n"


def test_who_has_not_signed_in_may_do_little(server: PrivateBascule) -> None:
    client = Dialogue(server.imap)
    assert client.greeting.startswith(b"* OK [CAPABILITY IMAP4rev1")
    assert "not allowed while not signed in" in client.bad("SELECT INBOX").text
    assert client.no("LOGIN nobody@example.org x").code == "AUTHENTICATIONFAILED"
    client.bad("NONSENSE")
    client.bad("LOGIN one-argument")
    assert client.ok("NOOP").lines == []


def test_logout_says_goodbye(client: Dialogue) -> None:
    assert client.ok("LOGOUT").lines[0].startswith(b"* BYE")
    with pytest.raises(EOFError):
        client.frame()


def test_select_tells_what_there_is(connect) -> None:
    client = connect("INBOX")
    client.append("INBOX", MAIL, "\\Seen")
    client.append("INBOX", MAIL)
    reply = client.ok("SELECT INBOX")
    assert b"* 2 EXISTS" in reply.lines
    assert reply.code == "READ-WRITE"
    assert reply.line(b"OK [UNSEEN") == b"* OK [UNSEEN 2] the first that is not seen"
    assert reply.has(b"[UIDNEXT 3]")
    assert client.ok("EXAMINE INBOX").code == "READ-ONLY"
    assert client.no("STORE 1 +FLAGS (\\Seen)").status == "NO"
    assert client.no("SELECT nowhere").code == "NONEXISTENT"
    client.bad("FETCH 1 FLAGS")


def test_an_append_is_there_as_it_was_sent(client: Dialogue) -> None:
    client.ok('APPEND INBOX (\\Flagged keyword) "01-Feb-2020 10:11:12 +0200" {}', MAIL)
    fetched = client.ok("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
    line = fetched.line(b"1 FETCH")
    assert b"FLAGS (\\Flagged keyword \\Recent)" in line
    assert b'INTERNALDATE "01-Feb-2020 10:11:12 +0200"' in line
    assert b"RFC822.SIZE %d" % len(MAIL) in line
    assert line.endswith(b"BODY[] " + MAIL + b")")
    assert client.no("APPEND nowhere {}", MAIL).code == "TRYCREATE"
    client.bad("APPEND INBOX {}", b"")


def test_body_marks_seen_and_peek_does_not(client: Dialogue) -> None:
    client.append("INBOX", MAIL)
    assert not client.ok("FETCH 1 BODY.PEEK[TEXT]").has(b"\\Seen")
    assert client.ok("FETCH 1 BODY[TEXT]").has(b"\\Seen")
    assert b"\\Seen" in client.ok("FETCH 1 FLAGS").line(b"1 FETCH")
    assert client.ok("FETCH 1 RFC822.HEADER").line(b"1 FETCH").startswith(b"* 1 FETCH (RFC822.HEADER From: ")


def test_parts_and_pieces(client: Dialogue) -> None:
    client.append("INBOX", MAIL)
    assert client.ok("FETCH 1 BODY.PEEK[]<5.4>").line(b"1 FETCH") == b"* 1 FETCH (BODY[]<5> " + MAIL[5:9] + b")"
    fields = client.ok("FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)]").line(b"1 FETCH")
    assert fields.endswith(b"Subject: Hello\r\nDate: Thu, 20 Nov 2025 09:00:00 +0100\r\n\r\n)")
    assert client.ok("FETCH 1 BODY.PEEK[7]").line(b"1 FETCH") == b"* 1 FETCH (BODY[7] NIL)"
    assert b'"Hello"' in client.ok("FETCH 1 FULL").line(b"1 FETCH")


def test_store_adds_removes_replaces(client: Dialogue) -> None:
    client.append("INBOX", MAIL, "\\Seen")
    assert client.ok("STORE 1 +FLAGS (\\Deleted a)").has(b"FLAGS (\\Deleted \\Seen a \\Recent)")
    assert client.ok("STORE 1 -FLAGS (\\Seen A)").has(b"FLAGS (\\Deleted \\Recent)")
    assert client.ok("STORE 1 FLAGS (\\Draft)").has(b"FLAGS (\\Draft \\Recent)")
    assert client.ok("STORE 1 +FLAGS.SILENT (\\Seen)").lines == []
    assert client.ok("STORE 1 +FLAGS (\\Seen)").has(b"FLAGS (\\Draft \\Seen \\Recent)")
    client.bad("STORE 2 +FLAGS (\\Seen)")
    client.bad("STORE 1 +FLAGS (\\Strange)")


def test_expunge_renumbers(client: Dialogue) -> None:
    for number in range(5):
        client.append("INBOX", MAIL.replace(b"Hello", b"Hello %d" % number))
    client.ok("STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    assert client.ok("EXPUNGE").lines == [b"* 4 EXPUNGE", b"* 2 EXPUNGE"]
    subjects = client.ok("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]").lines
    assert [line.split(b"Hello ")[1][:1] for line in subjects] == [b"0", b"2", b"4"]


def test_close_expunges_without_a_word(connect) -> None:
    client = connect("INBOX")
    client.append("INBOX", MAIL, "\\Deleted")
    assert client.ok("CLOSE").lines == []
    client.bad("FETCH 1 FLAGS")
    assert b"* 0 EXISTS" in client.ok("SELECT INBOX").lines


def test_copy(client: Dialogue) -> None:
    client.append("INBOX", MAIL, "\\Flagged")
    client.ok("COPY 1 Sent")
    client.ok("SELECT Sent")
    assert client.ok("FETCH 1 (FLAGS BODY.PEEK[])").has(b"\\Flagged")
    assert client.no("COPY 1 nowhere").code == "TRYCREATE"


def test_folders_are_made_renamed_and_deleted(client: Dialogue) -> None:
    client.ok("CREATE a/b/c")
    assert client.no("CREATE a/b/c").code == "ALREADYEXISTS"
    assert client.ok('LIST "" "a*"').lines == [
        b'* LIST (\\Noselect \\HasChildren) "/" "a"',
        b'* LIST (\\Noselect \\HasChildren) "/" "a/b"',
        b'* LIST (\\HasNoChildren) "/" "a/b/c"',
    ]
    assert client.no("SELECT a").code == "NONEXISTENT"
    client.ok("RENAME a z/a")
    assert client.ok('LIST "" "z/a/b/%"').has(b'"z/a/b/c"')
    assert client.no("RENAME z/a z/a/b/x").code == "CANNOT"
    assert client.no("DELETE INBOX").code == "CANNOT"
    client.ok("DELETE z/a/b/c")
    assert client.no("DELETE z/a/b/c").code == "NONEXISTENT"
    assert client.ok('LIST "" "z*"').lines == []
    client.no('CREATE "x//y"')
    client.ok('CREATE "with/a/slash/at/its/end/"')


def test_a_folder_made_again_has_a_greater_uidvalidity(client: Dialogue) -> None:
    client.ok("CREATE again")
    client.append("again", MAIL)
    first = client.ok("STATUS again (UIDVALIDITY)").parsed[0].items["UIDVALIDITY"]
    client.ok("DELETE again")
    client.ok("CREATE again")
    status = client.ok("STATUS again (UIDVALIDITY MESSAGES)").parsed[0].items
    assert status["MESSAGES"] == 0
    assert status["UIDVALIDITY"] > first


def test_renaming_inbox_leaves_an_empty_one(client: Dialogue) -> None:
    client.append("INBOX", MAIL)
    client.ok("RENAME INBOX old-mail")
    assert client.ok("STATUS old-mail (MESSAGES)").has(b"MESSAGES 1")
    assert client.ok("STATUS INBOX (MESSAGES)").has(b"MESSAGES 0")


def test_names_are_modified_utf7(client: Dialogue) -> None:
    client.ok('CREATE "&AMk-t&AOk- &- hiver"')
    assert client.ok('LIST "" "&AMk-*"').has(b'"&AMk-t&AOk- &- hiver"')
    client.ok('SELECT "&AMk-t&AOk- &- hiver"')


def test_subscriptions(client: Dialogue) -> None:
    client.ok("CREATE news/local")
    client.ok("SUBSCRIBE news/local")
    client.ok("SUBSCRIBE not/there")
    assert client.ok('LSUB "" "n*"').lines == [b'* LSUB () "/" "news/local"', b'* LSUB () "/" "not/there"']
    assert client.ok('LSUB "" "%"').has(b'* LSUB (\\Noselect) "/" "news"')
    client.ok("DELETE news/local")
    assert client.ok('LSUB "" "news/*"').has(b'"news/local"')
    client.ok("UNSUBSCRIBE news/local")
    assert client.ok('LSUB "" "news/*"').lines == []


def test_status(client: Dialogue) -> None:
    client.append("Sent", MAIL, "\\Seen")
    client.append("Sent", MAIL)
    items = client.ok("STATUS Sent (MESSAGES RECENT UIDNEXT UNSEEN)").parsed[0].items
    assert items == {"MESSAGES": 2, "RECENT": 2, "UIDNEXT": 3, "UNSEEN": 1}
    assert client.no("STATUS nowhere (MESSAGES)").code == "NONEXISTENT"
    client.bad("STATUS Sent (NONSENSE)")


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("ALL", "1 2 3"),
        ("SEEN", "2"),
        ("UNSEEN", "1 3"),
        ("NOT SEEN FLAGGED", "3"),
        ("OR SEEN FLAGGED", "2 3"),
        ("2:*", "2 3"),
        ("UID 1,3", "1 3"),
        ("SUBJECT hello", "1"),
        ('SUBJECT "ÉTÉ"', "2"),
        ("FROM carol", "3"),
        ("HEADER X-Kind note", "3"),
        ('HEADER X-Kind ""', "3"),
        ("BODY day", "1"),
        ("TEXT budget", "3"),
        ("SINCE 1-Jan-2020 BEFORE 1-Jan-2021", "2"),
        ("ON 1-Jan-2020", ""),
        ("SENTON 20-Nov-2025", "1"),
        ("LARGER 100", "1"),
        ("KEYWORD todo", "3"),
        ("UNKEYWORD todo", "1 2"),
        ("(OR SUBJECT hello KEYWORD todo) NOT 1", "3"),
        ("DELETED", ""),
    ],
)
def test_search(client: Dialogue, criteria: str, expected: str) -> None:
    client.append("INBOX", MAIL)
    client.ok(
        'APPEND INBOX (\\Seen) "01-Jul-2020 00:00:00 +0000" {}', b"Subject: =?utf-8?Q?L=27=C3=A9t=C3=A9?=\r\n\r\nx\r\n"
    )
    client.append("INBOX", b"From: Carol <c@d.e>\r\nX-Kind: a Note\r\n\r\nthe budgets\r\n", "\\Flagged todo")
    assert client.ok(f"SEARCH {criteria}").lines == [
        b"* SEARCH" + b"".join(b" " + n.encode() for n in expected.split())
    ]


def test_search_refuses_what_it_does_not_know(client: Dialogue) -> None:
    assert client.no("SEARCH CHARSET X-KLINGON ALL").code.startswith("BADCHARSET")
    client.bad("SEARCH")
    client.bad("SEARCH NONSENSE")


def test_recent_is_told_to_one_session(connect) -> None:
    writer, other = connect("Sent"), connect("Drafts")
    writer.append("INBOX", MAIL)
    assert b"* 1 RECENT" in connect("").ok("EXAMINE INBOX").lines
    assert b"* 1 RECENT" in writer.ok("SELECT INBOX").lines
    assert b"* 0 RECENT" in other.ok("SELECT INBOX").lines


def test_sessions_see_each_others_changes(connect) -> None:
    one, other = connect("INBOX"), connect("INBOX")
    one.append("INBOX", MAIL)
    assert b"* 1 EXISTS" in other.ok("NOOP").lines
    one.ok("STORE 1 +FLAGS (\\Answered)")
    assert other.ok("NOOP").has(b"* 1 FETCH (UID 1 FLAGS (\\Answered")
    one.ok("STORE 1 +FLAGS (\\Deleted)")
    one.ok("EXPUNGE")
    assert not other.ok("FETCH 1 FLAGS").has(b"EXPUNGE")
    assert other.ok("NOOP").lines == [b"* 1 EXPUNGE"]
    assert one.ok("NOOP").lines == []


def test_a_folder_that_another_session_deletes(connect) -> None:
    one, other = connect("INBOX"), connect("")
    one.ok("CREATE passing")
    other.ok("SELECT passing")
    one.ok("DELETE passing")
    assert any(b"[CLOSED]" in line for line in other.ok("NOOP").lines)
    other.bad("FETCH 1 FLAGS")
    other.ok("SELECT INBOX")


def test_a_locked_account_is_put_out_at_its_next_command(server: PrivateBascule, login: str, connect) -> None:
    import time

    client = connect("INBOX")
    accounts = server.accounts()
    accounts.set_locked(login, True)
    deadline, told = time.monotonic() + 30, b""
    while not told.startswith(b"* BYE"):  # a server asks for the account every two seconds
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
        client.begin("NOOP")
        told = client.untagged()
    again = Dialogue(server.imap)
    assert again.no(f"LOGIN {login} {PASSWORD}").code == "CONTACTADMIN"
    accounts.set_locked(login, False)
    accounts.close()
    again.ok(f"LOGIN {login} {PASSWORD}")


def test_words_that_are_looked_for_together(client) -> None:
    """Among few messages and among many, which are read otherwise."""
    texts = [b"alpha beta", b"alpha", b"beta", b"gamma", b"alpha gamma", b"alpha beta gamma"]
    for octets in [*texts, *[b"filler %d" % number for number in range(40)]]:
        client.append("INBOX", b"Subject: x\r\n\r\n" + octets + b"\r\n")

    def found(criteria: str) -> list[int]:
        return [int(number) for number in client.ok(f"SEARCH {criteria}").lines[0].split()[2:]]

    assert found("TEXT alpha BODY beta") == [1, 6]
    assert found("TEXT alpha NOT TEXT beta") == [2, 5]
    assert found("TEXT alpha TEXT beta NOT TEXT gamma") == [1]
    assert found("TEXT alpha TEXT beta NOT (OR TEXT alpha TEXT gamma)") == []
    assert found("OR (TEXT alpha TEXT beta) TEXT gamma") == [1, 4, 5, 6]
    assert found("TEXT alpha OR BODY beta BODY gamma") == [1, 5, 6]
    assert found("NOT TEXT filler") == [1, 2, 3, 4, 5, 6]
    assert found("TEXT filler TEXT 1 SUBJECT x") == [number + 7 for number in range(40) if "1" in str(number)]
    assert found("TEXT alpha SUBJECT y") == []
    assert found("3:6 TEXT alpha TEXT gamma") == [5, 6]
