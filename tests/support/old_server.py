"""An old IMAP server, whose every answer a test may replace: what real servers of this kind can't be made to say."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from bascule.protocols.imap.sequence import parse_set, resolve
from bascule.sources.contract import SourceFolder, SourceMessage, Unreadable
from bascule.sources.imap_reader import ImapReader
from bascule.terms.folder import INBOX
from bascule.terms.location import Location
from bascule.wire.backoff import Backoff, Throttle
from bascule.wire.imap import Credentials, ImapClient, connect
from bascule.wire.limits import WireLimits

T = TypeVar("T")
DATE = b'INTERNALDATE "17-Jul-1996 02:44:25 +0000"'
ARRIVED_UTC = 837571465


class Drop(Exception):
    """Raised by an answer: the server closes the connection, after having said ``args[0]``."""


class OldServer:
    """``messages``: UID → content, the same in each of ``folders``. Override a method to be odd. ``commands``: what was sent, without tags;
    ``connections``: how many there were, ``open``: are now."""

    capabilities = b"IMAP4rev1"

    def __init__(self, messages: dict[int, bytes] | None = None) -> None:
        self.messages = (
            {uid: b"Subject: %d\r\n\r\ntext" % uid for uid in range(1, 11)} if messages is None else messages
        )
        self.commands: list[bytes] = []
        self.folders = [b"INBOX"]
        self.connections = 0
        self.open = 0
        self.port = 0

    # -- what it says; each ends in the tagged answer, with TAG for the tag --------------------------------------------

    def greeting(self) -> bytes:
        return b"* OK [CAPABILITY " + self.capabilities + b"] ready\r\n"

    def login(self) -> bytes:
        return b"TAG OK [CAPABILITY " + self.capabilities + b"] in\r\n"

    def examine(self, arguments: bytes) -> bytes:
        return b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT %d] .\r\nTAG OK [READ-ONLY] open\r\n" % (
            len(self.messages), max(self.messages, default=0) + 1,
        )  # fmt: skip

    def search(self, arguments: bytes) -> bytes:
        uids = self.messages if b"ALL" in arguments else self.chosen(arguments.split()[-1])
        return b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids) + b"\r\nTAG OK searched\r\n"

    def fetch(self, uids: list[int], items: bytes) -> bytes:
        return b"".join(self.replies(uid, items) for uid in uids) + b"TAG OK fetched\r\n"

    def replies(self, uid: int, items: bytes) -> bytes:
        """The responses for one message."""
        return self.reply(uid, *self.attributes(uid, items))

    def other(self, command: bytes) -> bytes:
        return b"TAG BAD what is that\r\n"

    # -- pieces -------------------------------------------------------------------------------------------------------

    def number(self, uid: int) -> int:
        return sorted(self.messages).index(uid) + 1

    def attributes(self, uid: int, items: bytes) -> list[bytes]:
        content = self.messages[uid]
        every = {
            b"FLAGS": b"FLAGS (\\Seen)", b"INTERNALDATE": DATE, b"RFC822.SIZE": b"RFC822.SIZE %d" % len(content),
            b"BODY.PEEK[]": b"BODY[] {%d}\r\n%b" % (len(content), content),
        }  # fmt: skip
        return [b"UID %d" % uid, *(text for item, text in every.items() if item in items)]

    def reply(self, uid: int, *attributes: bytes) -> bytes:
        return b"* %d FETCH (%b)\r\n" % (self.number(uid), b" ".join(attributes))

    def chosen(self, numbers: bytes) -> list[int]:
        ranges = resolve(parse_set(numbers), max(self.messages, default=0))
        return [uid for uid in sorted(self.messages) if any(low <= uid <= high for low, high in ranges)]

    # -- the connection -----------------------------------------------------------------------------------------------

    def answer(self, command: bytes) -> bytes:
        words = command.split(b" ", 3)
        match words[0].upper(), words[1:2]:
            case b"CAPABILITY", _:
                return b"* CAPABILITY " + self.capabilities + b"\r\nTAG OK .\r\n"
            case b"LOGIN", _:
                return self.login()
            case b"LIST", _:
                return b"".join(b'* LIST () "/" %b\r\n' % name for name in self.folders) + b"TAG OK .\r\n"
            case b"LSUB", _:
                return b"TAG OK .\r\n"
            case b"EXAMINE", _:
                return self.examine(command[8:])
            case b"UID", [b"SEARCH"]:
                return self.search(command[11:])
            case b"UID", [b"FETCH"]:
                return self.fetch(self.chosen(words[2]), words[3])
            case ((b"NOOP" | b"LOGOUT"), _):
                return b"TAG OK .\r\n"
        return self.other(command)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            writer.write(self.greeting())
            while line := await reader.readline():
                tag, _, command = line.strip().partition(b" ")
                self.commands.append(command)
                writer.write(re.sub(rb"^TAG", tag, self.answer(command), flags=re.MULTILINE))
                await writer.drain()
        except Drop as drop:
            writer.write(drop.args[0] if drop.args else b"")
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Location]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield Location("imap", "anna", "127.0.0.1", self.port)
        finally:
            server.close()


FOLDER = SourceFolder(INBOX, b"INBOX")
FAST = WireLimits(stall_seconds=2, connect_seconds=2)


def on(server: OldServer, use: Callable[[ImapReader], Awaitable[T]]) -> T:
    """Use a reader of the server, that waits next to nothing between its tries."""

    async def run() -> T:
        async with server.running() as location:

            async def client() -> ImapClient:
                return await connect(location, Credentials("anna", lambda: "secret"), limits=FAST)

            reader = ImapReader(client, await client(), Throttle(), Backoff(first_seconds=0.001))
            try:
                return await use(reader)
            finally:
                await reader.close()

    return asyncio.run(asyncio.wait_for(run(), 60))


def read(server: OldServer) -> list[SourceMessage | Unreadable]:
    """Every message of the folder, as a delta reads it."""

    async def use(reader: ImapReader) -> list[SourceMessage | Unreadable]:
        survey = await reader.open(FOLDER, None)
        return [message async for group in reader.read(survey.uids) for message in group]

    return on(server, use)


def told(found: Iterable[SourceMessage | Unreadable]) -> dict[int, str]:
    """UID → what is told of the message, where something is."""
    texts = {m.uid: m.reason if isinstance(m, Unreadable) else "; ".join(m.remarks) for m in found}
    return {uid: text for uid, text in texts.items() if text}
