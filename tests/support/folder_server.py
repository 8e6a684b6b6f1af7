"""An IMAP server that has folders and nothing in them, with names and habits that the test chooses. LIST, STATUS, EXAMINE, CREATE, SUBSCRIBE."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bascule.terms.location import Location
from bascule.wire.imap import Credentials, ImapClient, Security, connect

_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"|\{(\d+)\+?\}\r\n|(\([^)]*\)|[^ ]+)', re.DOTALL)


def same(raw: bytes) -> bytes:
    return raw


@dataclass(slots=True)
class FolderServer:
    """``folders``: raw name → attributes, as LIST gives them. ``key``: what the server takes two names by for one. ``spelt``: how it keeps a new
    folder's name. ``refuses``: the words with which it says NO to CREATE. ``hidden``: LIST leaves these out. ``tells_existing``: CREATE of what is
    there already is refused, and not answered OK. ``asked``: every command, without its tag."""

    folders: dict[bytes, str] = field(default_factory=lambda: {b"INBOX": ""})
    separator: str = "/"
    namespace: str = ""
    capabilities: str = ""
    inbox_opens: bool = True
    list_answer: str = "OK"
    key: Callable[[bytes], bytes] = same
    spelt: Callable[[bytes], bytes] = same
    refuses: Callable[[bytes], str] = lambda raw: ""
    hidden: Callable[[bytes], bool] = lambda raw: False
    tells_existing: bool = True
    asked: list[bytes] = field(default_factory=list)
    subscribed: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def client(self) -> ImapClient:
        """Signed in; the server is started by the first."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return await connect(Location("imap", "anna", "127.0.0.1", port), Credentials("anna", lambda: "x"), Security())

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def created(self) -> list[bytes]:
        return [_arguments(line)[1] for line in self.asked if line.startswith(b"CREATE")]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        offered = f"IMAP4rev1 LITERAL+ {self.capabilities} {'NAMESPACE' if self.namespace else ''}".strip()
        writer.write(f"* OK [CAPABILITY {offered}] ready\r\n".encode())
        while line := await reader.readline():
            while literal := re.search(rb"\{(\d+)\+\}\r\n\Z", line):
                line += await reader.readexactly(int(literal[1])) + await reader.readline()
            tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
            self.asked.append(rest)
            *untagged, tagged = self._answer(_arguments(rest))
            writer.write(b"".join(b"* " + each + b"\r\n" for each in untagged) + tag + b" " + tagged + b"\r\n")
            if rest == b"LOGOUT":
                break
        writer.close()

    def _answer(self, words: list[bytes]) -> list[bytes]:
        match words[0]:
            case b"LIST" if words[2] == b"":
                return [f'LIST (\\Noselect) "{self.separator}" ""'.encode(), b"OK"]
            case b"LIST":
                shown = [raw for raw in self.folders if not self.hidden(raw)]
                return [*(self._listing(raw) for raw in shown), self.list_answer.encode()]
            case b"ENABLE":
                return [b"ENABLED " + b" ".join(words[1:]), b"OK"]
            case b"NAMESPACE":
                return [f"NAMESPACE {self.namespace}".encode(), b"OK"]
            case b"EXAMINE" | b"SELECT" | b"STATUS":
                return [b"OK"] if self._has(words[1]) else [b"NO [NONEXISTENT] no such mailbox"]
            case b"CREATE":
                return [self._create(words[1])]
            case b"SUBSCRIBE":
                self.subscribed.append(words[1])
        return [b"OK"]

    def _listing(self, raw: bytes) -> bytes:
        return b'LIST (%b) "%b" {%d}\r\n%b' % (self.folders[raw].encode(), self.separator.encode(), len(raw), raw)

    def _has(self, raw: bytes) -> bool:
        if raw == b"INBOX" and b"INBOX" not in self.folders:
            return self.inbox_opens
        return self.key(raw) in map(self.key, self.folders)

    def _create(self, raw: bytes) -> bytes:
        if refusal := self.refuses(raw):
            return b"NO " + refusal.encode()
        if self._has(raw):
            return b"NO [ALREADYEXISTS] it is there" if self.tells_existing else b"OK"
        self.folders[self.spelt(raw)] = ""
        return b"OK"


def _arguments(line: bytes) -> list[bytes]:
    words: list[bytes] = []
    position = 0
    while position < len(line):
        found = _ARGUMENT.match(line, position)
        if found is None:
            position += 1
        elif found[2] is not None:
            position = found.end() + int(found[2])
            words.append(line[found.end() : position])
        else:
            position = found.end()
            words.append(re.sub(rb"\\(.)", rb"\1", found[1]) if found[1] is not None else found[3])
    return words
