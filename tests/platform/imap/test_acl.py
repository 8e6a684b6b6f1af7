r"""ACL and RIGHTS=texk: RFC 4314, RFC 2086's names. Folders of other people, with a ``\Seen`` and subscriptions of one's own."""

import itertools

import pytest

from bascule.mailbox.format import CATALOGUE
from support.dialogue import Dialogue
from support.server import PASSWORD

_NUMBER = itertools.count(1)
MAIL = b"Subject: %d\r\n\r\ntext\r\n"


@pytest.fixture
def people(server):
    """(Login, a way to sign in) of as many people as one asks for."""
    made: list[Dialogue] = []

    class Person:
        def __init__(self, name: str) -> None:
            self.login = f"{name}{next(_NUMBER)}@acl.example"
            accounts = server.accounts()
            accounts.add(self.login, PASSWORD, generated=True, aliases=(f"alias.{self.login}",))
            accounts.close()

        def connect(self) -> Dialogue:
            dialogue = Dialogue(server.imap)
            made.append(dialogue)
            dialogue.ok(f"LOGIN {self.login} {PASSWORD}")
            return dialogue

    yield Person
    for dialogue in made:
        dialogue.close()


@pytest.fixture
def shared(people):
    """(The owner's connection, the owner, the reader's, the reader, the name that INBOX has for the reader); three messages, and full rights."""
    owner, reader = people("office"), people("anna")
    one, other = owner.connect(), reader.connect()
    for number in range(3):
        one.append("INBOX", MAIL % number)
    one.ok(f"SETACL INBOX {reader.login} lrswipkxte")
    return one, owner, other, reader, f'"Other Users/{owner.login}/INBOX"'


def rights_of(dialogue: Dialogue, name: str) -> set[str]:
    return set(dialogue.ok(f"MYRIGHTS {name}").lines[0].rsplit(b" ", 1)[1].decode())


def grant(one: Dialogue, who, rights: str, folder: str = "INBOX") -> None:
    one.ok(f'SETACL {folder} {who.login} "{rights}"')


# -- the lists themselves -------------------------------------------------------------------------------------------------


def test_the_owner_may_do_everything(client, login) -> None:
    assert rights_of(client, "INBOX") == set("lrswipkxteacd")
    assert client.ok("GETACL INBOX").lines == [f'* ACL "INBOX" "{login}" lrswipkxteacd'.encode()]
    assert client.ok(f"LISTRIGHTS INBOX {login}").lines == [f'* LISTRIGHTS "INBOX" "{login}" lrswipkxteacd'.encode()]
    assert client.no(f"SETACL INBOX {login} lr").code == "CANNOT"


def test_rights_are_set_added_and_taken_away(people) -> None:
    owner, reader = people("owner"), people("reader")
    one = owner.connect()
    one.ok(f"SETACL INBOX {reader.login} lr")
    one.ok(f"SETACL INBOX {reader.login} +sw")
    one.ok(f"SETACL INBOX {reader.login} -w")
    assert one.ok("GETACL INBOX").lines[0].endswith(f'"{reader.login}" lrs'.encode())
    one.ok(f"SETACL INBOX {reader.login} lrcd")  # RFC 2086's
    assert one.ok("GETACL INBOX").lines[0].endswith(f'"{reader.login}" lrkxtecd'.encode())
    one.ok(f"DELETEACL INBOX {reader.login}")
    assert reader.login.encode() not in one.ok("GETACL INBOX").lines[0]
    assert one.ok(f"LISTRIGHTS INBOX {reader.login}").lines[0].endswith(b' "" l r s w i p k x t e a')


def test_an_alias_is_its_account(people) -> None:
    owner, reader = people("owner"), people("reader")
    one = owner.connect()
    one.ok(f"SETACL INBOX alias.{reader.login} lr")
    assert f'"{reader.login}" lr'.encode() in one.ok("GETACL INBOX").lines[0]


def test_what_is_refused(people) -> None:
    one = people("owner").connect()
    one.bad("SETACL INBOX anyone lrz")
    assert one.no("SETACL INBOX nobody@acl.example lr").code == "CANNOT"
    assert one.no("SETACL INBOX -anyone lr").code == "CANNOT"
    assert one.no("GETACL nothing").code == "NONEXISTENT"
    assert one.no('SELECT "Other Users/nobody@acl.example/INBOX"').code == "NONEXISTENT"
    one.bad("GETACL INBOX too many")
    one.bad("LISTRIGHTS INBOX {}", b"a\0b")
    one.bad('LISTRIGHTS INBOX ""')


# -- what others see ------------------------------------------------------------------------------------------------------


def test_what_is_shared_is_listed_and_nothing_else(people) -> None:
    owner, reader, stranger = people("owner"), people("reader"), people("stranger")
    one, other = owner.connect(), reader.connect()
    one.ok("CREATE Projects")
    one.ok("CREATE Projects/Secret")
    grant(one, reader, "lr", "Projects")
    lines = other.ok('LIST "" "*"').lines
    mine = [line for line in lines if b"Other Users" in line]
    name = f'"Other Users/{owner.login}'.encode()
    assert mine == [b'* LIST (\\HasNoChildren) "/" ' + name + b'/Projects"']
    assert other.ok('LIST "" "%"').lines[-1] == b'* LIST (\\Noselect \\HasChildren) "/" "Other Users"'
    assert other.ok('LIST "Other Users/" "%"').lines == [b'* LIST (\\Noselect \\HasChildren) "/" ' + name + b'"']
    assert other.no(f'SELECT "Other Users/{owner.login}/Projects/Secret"').code == "NONEXISTENT"
    assert other.no(f'SELECT "Other Users/{owner.login}/INBOX"').code == "NONEXISTENT"
    assert other.no(f'GETACL "Other Users/{owner.login}/Projects"').code == "NOPERM"
    assert not any(b"Other" in line for line in stranger.connect().ok('LIST "" "*"').lines)
    one.ok(f"DELETEACL Projects {reader.login}")
    assert not any(b"Other" in line for line in other.ok('LIST "" "*"').lines)


def test_anyone(people) -> None:
    owner, reader = people("owner"), people("reader")
    one = owner.connect()
    one.ok("CREATE Board")
    one.ok("SETACL Board anyone lr")
    other = reader.connect()
    assert rights_of(other, f'"Other Users/{owner.login}/Board"') == set("lr")
    one.ok("DELETEACL Board anyone")


def test_folders_made_below_are_shared_alike(shared) -> None:
    one, owner, other, _reader, _name = shared
    other.ok(f'CREATE "Other Users/{owner.login}/INBOX/2026"')
    assert rights_of(other, f'"Other Users/{owner.login}/INBOX/2026"') == set("lrswipkxtecd")
    assert other.no(f'CREATE "Other Users/{owner.login}/Top"').code == "NOPERM"
    other.ok(f'RENAME "Other Users/{owner.login}/INBOX/2026" "Other Users/{owner.login}/INBOX/2027"')
    assert other.no(f'RENAME "Other Users/{owner.login}/INBOX/2027" Mine').code == "CANNOT"
    other.ok(f'DELETE "Other Users/{owner.login}/INBOX/2027"')
    assert not any(b"2027" in line for line in one.ok('LIST "" "*"').lines)


def test_a_right_to_see_is_not_one_to_read(shared) -> None:
    one, _, other, reader, name = shared
    grant(one, reader, "l")
    assert other.no(f"SELECT {name}").code == "NOPERM"
    assert other.no(f"STATUS {name} (MESSAGES)").code == "NOPERM"
    lines = other.ok('LIST "" "*" RETURN (STATUS (MESSAGES))').lines
    assert not any(line.startswith(b'* STATUS "Other') for line in lines)


def test_subscriptions_are_ones_own(shared) -> None:
    one, _, other, _, name = shared
    other.ok(f"SUBSCRIBE {name}")
    assert [line for line in other.ok('LSUB "" "*"').lines if b"Other" in line] == [f'* LSUB () "/" {name}'.encode()]
    assert any(b"\\Subscribed" in line for line in other.ok('LIST "" "Other*" RETURN (SUBSCRIBED)').lines)
    assert not any(b"Other" in line for line in one.ok('LSUB "" "*"').lines)
    other.ok(f"UNSUBSCRIBE {name}")
    assert not any(b"Other" in line for line in other.ok('LSUB "" "*"').lines)


# -- \Seen ----------------------------------------------------------------------------------------------------------------


def test_each_has_a_seen_of_their_own(shared) -> None:
    one, _, other, _, name = shared
    one.ok("SELECT INBOX")
    one.ok("STORE 1 +FLAGS (\\Seen)")
    other.ok(f"SELECT {name}")
    assert other.ok("UID SEARCH UNSEEN").lines == [b"* SEARCH 1 2 3"]
    other.ok("FETCH 2 BODY[]")
    other.ok("STORE 3 FLAGS (\\Seen \\Flagged Colour)")
    assert other.ok("FETCH 1:3 FLAGS").lines == [
        b"* 1 FETCH (FLAGS ())",
        b"* 2 FETCH (FLAGS (\\Seen))",
        b"* 3 FETCH (FLAGS (Colour \\Flagged \\Seen))",
    ]
    assert other.ok(f"STATUS {name} (UNSEEN)").lines == [f"* STATUS {name} (UNSEEN 1)".encode()]
    one.ok("NOOP")
    assert one.ok("UID SEARCH SEEN").lines == [b"* SEARCH 1"]
    assert one.ok("UID SEARCH FLAGGED").lines == [b"* SEARCH 3"]
    assert b"UNSEEN 2" in one.ok("STATUS INBOX (UNSEEN)").lines[0]
    other.ok("STORE 1:3 -FLAGS (\\Seen)")
    assert b"UNSEEN 3" in other.ok(f"STATUS {name} (UNSEEN)").lines[0]


def test_another_session_of_the_reader_hears_of_it(shared) -> None:
    _, _, other, reader, name = shared
    again = reader.connect()
    for dialogue in (other, again):
        dialogue.ok(f"SELECT {name} (CONDSTORE)")
    again.ok("FETCH 1 FLAGS")
    other.ok("STORE 2 +FLAGS (\\Seen)")
    assert any(b"2 FETCH" in line and b"\\Seen" in line for line in again.ok("NOOP").lines)


def test_news_of_another_mailbox_during_idle(shared) -> None:
    one, _, other, _, name = shared
    other.ok(f"SELECT {name}")
    tag = other.begin("IDLE")
    other.continuation()
    one.append("INBOX", MAIL % 4)
    assert other.untagged() == b"* 4 EXISTS"
    other.send(b"DONE\r\n")
    assert any(line for line in [other.end(tag)])
    other.ok("SELECT INBOX")
    other.append("INBOX", MAIL % 5)


def test_moves_keep_what_everybody_has_read(shared) -> None:
    one, owner, other, _, name = shared
    other.ok(f"SELECT {name}")
    other.ok("STORE 2 +FLAGS (\\Seen)")
    one.ok("CREATE INBOX/done")
    one.ok("SELECT INBOX")
    one.ok("MOVE 1:2 INBOX/done")
    other.ok(f'SELECT "Other Users/{owner.login}/INBOX/done"')
    assert other.ok("SEARCH SEEN").lines == [b"* SEARCH 2"]


def test_what_a_reader_adds_is_seen_by_the_reader(shared) -> None:
    one, _, other, _, name = shared
    other.ok(f"APPEND {name} (\\Seen \\Answered) {{}}", MAIL % 9)
    other.ok(f"SELECT {name}")
    assert other.ok("SEARCH SEEN").lines == [b"* SEARCH 4"]
    one.ok("SELECT INBOX")
    assert one.ok("SEARCH SEEN").lines == [b"* SEARCH"]
    assert one.ok("SEARCH ANSWERED").lines == [b"* SEARCH 4"]


# -- what each right is for -----------------------------------------------------------------------------------------------


def test_to_read_only(shared) -> None:
    one, _, other, reader, name = shared
    grant(one, reader, "lr")
    assert other.ok(f"SELECT {name}").code.startswith("READ-ONLY")
    other.ok("FETCH 1 BODY[]")
    assert other.ok("SEARCH SEEN").lines == [b"* SEARCH"]
    other.no("STORE 1 +FLAGS (\\Seen)")
    assert other.no(f"APPEND {name} {{}}", MAIL % 9).code == "NOPERM"
    assert other.no(f"COPY 1 {name}").code == "NOPERM"
    other.ok("COPY 1 INBOX")


def test_flags_take_their_rights(shared) -> None:
    one, _, other, reader, name = shared
    grant(one, reader, "lrsi")
    selected = other.ok(f"SELECT {name}")
    assert b"* OK [PERMANENTFLAGS (\\Seen)] flags that are kept" in selected.lines
    assert other.no("STORE 1 +FLAGS (\\Deleted)").code == "NOPERM"
    other.ok("STORE 1 FLAGS (\\Seen \\Flagged)")
    assert other.ok("FETCH 1 FLAGS").lines == [b"* 1 FETCH (FLAGS (\\Seen))"]
    other.ok(f"APPEND {name} (\\Flagged \\Seen) {{}}", MAIL % 9)
    assert other.ok("FETCH 4 FLAGS").lines == [b"* 4 FETCH (FLAGS (\\Seen))"]
    one.ok("SELECT INBOX")
    one.ok("STORE 1 +FLAGS (\\Answered \\Seen)")
    other.ok("STORE 1 FLAGS ()")
    assert other.ok("FETCH 1 FLAGS").lines == [b"* 1 FETCH (FLAGS (\\Answered))"]


def test_to_take_away(shared) -> None:
    one, _, other, reader, name = shared
    grant(one, reader, "lrswit")
    other.ok(f"SELECT {name}")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    assert other.no("EXPUNGE").code == "NOPERM"
    assert other.no("MOVE 1 INBOX").code == "NOPERM"
    other.ok("CLOSE")
    assert b"MESSAGES 3" in one.ok("STATUS INBOX (MESSAGES)").lines[0]
    grant(one, reader, "lrswite")
    other.ok(f"SELECT {name}")
    other.ok("EXPUNGE")
    assert b"MESSAGES 2" in one.ok("STATUS INBOX (MESSAGES)").lines[0]


def test_to_share_further(shared, people) -> None:
    one, _owner, other, reader, name = shared
    third = people("third")
    assert other.no(f"SETACL {name} {third.login} lr").code == "NOPERM"
    grant(one, reader, "lra")
    other.ok(f"SETACL {name} {third.login} lr")
    assert rights_of(third.connect(), name) == set("lr")


def test_a_right_that_is_taken_away_ends_the_selection(shared) -> None:
    one, _, other, reader, name = shared
    other.ok(f"SELECT {name}")
    one.ok(f"DELETEACL INBOX {reader.login}")
    refused = other.no("FETCH 1 FLAGS")
    assert any(b"[CLOSED]" in line for line in refused.lines)
    other.ok("SELECT INBOX")


# -- between mailboxes ----------------------------------------------------------------------------------------------------


def test_copy_and_move_between_mailboxes(shared) -> None:
    one, _, other, _, name = shared
    one.ok("SELECT INBOX")
    one.ok("STORE 2 +FLAGS (Colour)")
    other.ok(f"SELECT {name}")
    other.ok("STORE 2 +FLAGS (\\Seen)")
    original = other.ok("FETCH 2 (INTERNALDATE BODY.PEEK[])").lines
    assert other.ok("COPY 1:2 INBOX").code.startswith("COPYUID")
    moved = other.ok("MOVE 3 INBOX")
    assert any(b"COPYUID" in line for line in moved.lines)
    assert any(b"3 EXPUNGE" in line for line in moved.lines)
    other.ok("SELECT INBOX")
    assert other.ok("FETCH 1:3 FLAGS").lines[1] == b"* 2 FETCH (FLAGS (Colour \\Seen \\Recent))"
    assert other.ok("FETCH 2 (INTERNALDATE BODY.PEEK[])").lines == original
    other.ok(f"MOVE 1:3 {name}")
    assert b"MESSAGES 5" in one.ok("STATUS INBOX (MESSAGES)").lines[0]


def test_the_owners_quota_counts(shared, server) -> None:
    _one, owner, other, _, name = shared
    accounts = server.accounts()
    accounts.set_quota(owner.login, 2048)
    accounts.close()
    assert other.no(f"APPEND {name} {{}}", b"x" * 4000).code == "OVERQUOTA"
    assert other.ok(f"GETQUOTAROOT {name}").lines == [
        f'* QUOTAROOT {name} "{owner.login}"'.encode(),
        f'* QUOTA "{owner.login}" (STORAGE 1 2)'.encode(),
    ]
    assert other.ok(f'GETQUOTA "{owner.login}"').lines == [f'* QUOTA "{owner.login}" (STORAGE 1 2)'.encode()]


def test_a_shared_mailbox_that_cannot_be_opened_hides_no_other(people, server) -> None:
    broken, reader = people("broken"), people("reader")
    place = server.mailbox(broken.login)
    place.mkdir(parents=True)
    (place / CATALOGUE).write_bytes(b"no catalogue" * 1000)
    accounts = server.accounts()
    owner = accounts.find(broken.login)
    assert owner is not None
    accounts.share(owner, reader.login)
    accounts.close()
    other = reader.connect()
    lines = other.ok('LIST "" "*"').lines
    assert any(line.endswith(b'"INBOX"') for line in lines)
    assert not any(broken.login.encode() in line for line in lines)
    assert other.no(f'SELECT "Other Users/{broken.login}/INBOX"').code == "UNAVAILABLE"
