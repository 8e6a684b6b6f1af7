"""What is in a folder, from servers that count wrong, tell too little, or offer what they do not know; and folders that are not there."""

import asyncio

import pytest

from bascule.sources.contract import CHANGED, DISBELIEVED, FolderError, FolderGone, SourceState, Survey
from bascule.sources.files import open_files
from bascule.sources.imap_reader import ImapReader
from support import messages
from support.old_server import FOLDER, Drop, OldServer, on

ALL = list(range(1, 11))


def survey(server: OldServer, known: SourceState | None = None) -> Survey:
    return on(server, lambda reader: reader.open(FOLDER, known))


class Searching(OldServer):
    def __init__(self, answer: bytes, fetches: list[int] = ALL) -> None:
        super().__init__()
        self.answer_to_search, self.fetches = answer, fetches

    def search(self, arguments: bytes) -> bytes:
        return self.answer_to_search

    def fetch(self, uids: list[int], items: bytes) -> bytes:
        return super().fetch([uid for uid in uids if uid in self.fetches], items)


@pytest.mark.parametrize(
    ("answer", "fetches", "unlisted"),
    [
        (b"* SEARCH 10 9 8 7 6 5 4 3 2 1\r\nTAG OK .\r\n", [], 0),
        (b"* SEARCH 1 2 3 4 5\r\n* SEARCH 6 6 7 8 9 10 0\r\nTAG OK .\r\n", [], 0),
        (b"TAG OK .\r\n", ALL, 0),
        (b"* SEARCH\r\nTAG OK .\r\n", ALL, 0),
        (b"* SEARCH 1 2 3\r\nTAG OK .\r\n", [4, 5, 6, 7, 8, 9, 10], 0),
        (b"* SEARCH 1 2 3\r\nTAG OK .\r\n", [4, 5, 6, 7, 8, 9], 1),
        (b"* SEARCH 1 2 3 4 5 6 7 8 9 10 11 12\r\nTAG OK .\r\n", ALL, 0),
        (b"TAG NO search is off\r\n", ALL, 0),
        (b"TAG BAD search what\r\n", ALL, 0),
    ],
    ids=[
        "backwards",
        "twice, in two parts",
        "nothing",
        "empty",
        "some",
        "some, and one nowhere",
        "some that are gone",
        "refused",
        "unknown",
    ],
)
def test_every_message_that_the_server_counts_is_found(answer: bytes, fetches: list[int], unlisted: int) -> None:
    found = survey(Searching(answer, fetches))
    assert (found.uids, found.unlisted) == (ALL[: 10 - unlisted], unlisted)
    assert found.state.messages == 10 - unlisted


class Examining(OldServer):
    """``codes``: the untagged responses to EXAMINE besides EXISTS."""

    def __init__(self, *codes: bytes) -> None:
        super().__init__()
        self.codes = codes

    def examine(self, arguments: bytes) -> bytes:
        return b"* 10 EXISTS\r\n" + b"".join(b"* OK [%b] .\r\n" % code for code in self.codes) + b"TAG OK open\r\n"


@pytest.mark.parametrize("codes", [(), (b"UIDNEXT 0",), (b"UIDNEXT 3",), (b"UIDNEXT soon",)])
def test_uidnext_is_above_every_uid_whatever_the_server_says(codes: tuple[bytes, ...]) -> None:
    assert survey(Examining(b"UIDVALIDITY 7", *codes)).state == SourceState(7, 11, 10, 0)


@pytest.mark.parametrize("codes", [(), (b"UIDVALIDITY 0",), (b"UIDVALIDITY x",), (b"UIDVALIDITY 7", b"UIDNOTSTICKY")])
def test_uids_that_do_not_last_are_those_of_another_folder_each_time(codes: tuple[bytes, ...]) -> None:
    """Taken at 0 each time, a folder made anew would pass for the old one, and its messages for known ones."""
    one, other = survey(Examining(*codes)), survey(Examining(*codes))
    assert one.uids == ALL
    assert 0 < one.state.uidvalidity != other.state.uidvalidity > 0


class Changing(OldServer):
    """Keeps a MODSEQ; refuses what is in ``refuses``."""

    capabilities = b"IMAP4rev1 CONDSTORE"

    def __init__(self, modseq: bytes, *refuses: bytes) -> None:
        super().__init__()
        self.modseq, self.refuses = modseq, refuses

    def examine(self, arguments: bytes) -> bytes:
        if b"CONDSTORE" in arguments and b"CONDSTORE" in self.refuses:
            return b"TAG BAD what is CONDSTORE\r\n"
        return (
            b"* 10 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 11] .\r\n* OK [%b] .\r\nTAG OK open\r\n"
            % self.modseq
        )

    def fetch(self, uids: list[int], items: bytes) -> bytes:
        if b"CHANGEDSINCE" in items:
            return b"TAG BAD no\r\n" if b"CHANGEDSINCE" in self.refuses else super().fetch([3], items)
        return b"TAG NO not the flags\r\n" if b"FLAGS" in self.refuses else super().fetch(uids, items)


KNOWN = SourceState(7, 10, 9, 50)


@pytest.mark.parametrize(
    ("modseq", "refuses", "told", "complete", "keeps"),
    [
        (b"HIGHESTMODSEQ 60", [], [3], False, 60),
        (b"HIGHESTMODSEQ 60", [b"CONDSTORE"], [3], False, 60),
        (b"HIGHESTMODSEQ 40", [], ALL, True, 40),
        (b"HIGHESTMODSEQ 50", [], ALL, True, DISBELIEVED),
        (b"HIGHESTMODSEQ 0", [], ALL, True, 0),
        (b"NOMODSEQ", [], ALL, True, 0),
        (b"HIGHESTMODSEQ many", [], ALL, True, 0),
        (b"HIGHESTMODSEQ 60", [b"CHANGEDSINCE"], ALL, True, 60),
        (b"HIGHESTMODSEQ 60", [b"CHANGEDSINCE", b"FLAGS"], [], False, 0),
    ],
    ids=["as it should be", "no parameter to EXAMINE", "gone down", "not risen though a message came", "0", "none", "garbage", "CHANGEDSINCE refused", "no flags"],
)  # fmt: skip
def test_flags_that_changed_are_told_or_all_are_and_what_was_not_told_is_asked_again(
    modseq: bytes, refuses: list[bytes], told: list[int], complete: bool, keeps: int
) -> None:
    found = survey(Changing(modseq, *refuses), KNOWN)
    assert found.uids == ALL
    assert (sorted(found.flags), found.flags_are_complete, found.state.modseq) == (told, complete, keeps)


@pytest.mark.parametrize("modseq", [b"HIGHESTMODSEQ 50", b"HIGHESTMODSEQ 60"])
def test_a_modseq_that_did_not_count_a_message_is_not_believed_again(modseq: bytes) -> None:
    found = survey(Changing(modseq), SourceState(7, 11, 10, DISBELIEVED))
    assert (sorted(found.flags), found.flags_are_complete, found.state.modseq) == (ALL, True, DISBELIEVED)
    assert not SourceState(7, 11, 10, 50).proves_unchanged(found.state)


def test_a_modseq_is_believed_where_a_message_came_after_it_was_told() -> None:
    found = survey(Changing(b"HIGHESTMODSEQ 50"), SourceState(7, 11, 10, 50))
    assert (sorted(found.flags), found.state.modseq) == ([3], 50)


class NotThere(OldServer):
    def __init__(self, answer: bytes, *names: bytes) -> None:
        super().__init__()
        self.said, self.folders = answer, list(names)

    def examine(self, arguments: bytes) -> bytes:
        return self.said


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"TAG NO [NONEXISTENT] Mailbox doesn't exist: INBOX\r\n", FolderGone, "Mailbox doesn't exist"),
        (b"TAG NO Mailbox does not exist, or must be subscribed to.\r\n", FolderGone, "does not exist"),
        (b"TAG NO [NOPERM] Permission denied\r\n", FolderError, "Permission denied"),
        (b"TAG NO Unable to open this mailbox.\r\n", FolderError, "Unable to open"),
        (b"TAG BAD unknown command\r\n", FolderError, "does not take EXAMINE.*unknown command"),
    ],
)
def test_a_folder_that_is_gone_is_told_from_one_that_does_not_open(answer: bytes, kind: type, words: str) -> None:
    server = NotThere(answer)
    with pytest.raises(kind, match=words) as raised:
        survey(server)
    assert type(raised.value) is kind
    assert not [command for command in server.commands if command.startswith((b"SELECT", b"CREATE"))]


def test_a_folder_that_is_said_not_to_exist_and_is_listed_still_is_one_that_does_not_open() -> None:
    with pytest.raises(FolderError, match="it lists the folder") as raised:
        survey(NotThere(b"TAG NO Mailbox does not exist\r\n", FOLDER.name))
    assert type(raised.value) is FolderError


class AtFirst(OldServer):
    """Answers EXAMINE with each of ``said`` once, and then as it should."""

    def __init__(self, *said: bytes | None) -> None:
        super().__init__()
        self.said = list(said)

    def examine(self, arguments: bytes) -> bytes:
        if not self.said:
            return super().examine(arguments)
        said = self.said.pop(0)
        if said is None:
            raise Drop
        return said


def test_a_folder_that_does_not_open_now_is_opened_later() -> None:
    assert survey(AtFirst(b"TAG NO [INUSE] locked\r\n", None, b"TAG NO try again later\r\n")).uids == ALL


def test_a_folder_at_which_the_connection_ends_is_given_up_and_the_next_is_read() -> None:
    server = AtFirst(None, None, None)

    async def use(reader: ImapReader) -> list[int]:
        with pytest.raises(FolderError, match="ended each time it was opened"):
            await reader.open(FOLDER, None)
        return list((await reader.open(FOLDER, None)).uids)

    assert on(server, use) == ALL


def test_a_folder_that_was_surveyed_is_opened_again_without_a_survey() -> None:
    server = AtFirst()

    async def use(reader: ImapReader) -> list[int]:
        await reader.reopen(FOLDER, 7)
        before = len(server.commands)
        assert not [command for command in server.commands if b"SEARCH" in command]
        found = [message.uid async for group in reader.read([2, 5]) for message in group]
        assert [command.split()[0] for command in server.commands[before:]] == [b"UID"]
        with pytest.raises(FolderError, match=CHANGED):
            await reader.reopen(FOLDER, 8)
        server.said, server.folders = [b"TAG NO [NONEXISTENT] gone\r\n"], []
        with pytest.raises(FolderGone, match="gone"):
            await reader.reopen(FOLDER, 7)
        server.said = [None]
        await reader.reopen(FOLDER, 7)
        return found

    assert on(server, use) == [2, 5]


def test_a_folder_of_files_is_opened_again(tmp_path) -> None:
    (tmp_path / "a.eml").write_bytes(messages.plain(1))

    async def use() -> None:
        source = open_files("eml", tmp_path)
        [folder] = await source.folders()
        reader, other = await source.reader(), await source.reader()
        known = (await reader.open(folder, None)).state.uidvalidity
        await other.reopen(folder, known)
        assert [m.uid async for group in other.read([1]) for m in group] == [1]
        with pytest.raises(FolderError, match=CHANGED):
            await other.reopen(folder, known + 1)
        with pytest.raises(FolderGone):
            await other.reopen(FOLDER.__class__(folder.path, b"nowhere"), known)

    asyncio.run(use())


def test_details_that_are_refused_or_incomplete_leave_no_message_out() -> None:
    class Details(OldServer):
        def replies(self, uid: int, items: bytes) -> bytes:
            u, _, date, size = self.attributes(uid, items)
            return (
                b""
                if uid == 3
                else self.reply(uid, u, date if uid != 4 else b"INTERNALDATE NIL") + self.reply(uid, u, size)
            )

    async def use(reader: ImapReader) -> dict:
        await reader.open(FOLDER, None)
        return await reader.details(ALL)

    found = on(Details(), use)
    assert sorted(found) == [uid for uid in ALL if uid != 3]
    assert [uid for uid, (date, octets) in found.items() if date is None] == [4]

    class Refusing(OldServer):
        def fetch(self, uids: list[int], items: bytes) -> bytes:
            return b"TAG NO not possible\r\n"

    assert on(Refusing(), use) == {}
