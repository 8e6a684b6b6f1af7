"""The server: a thread that accepts, a thread for each connection, and the life of one connection."""

from __future__ import annotations

import contextlib
import socket
import threading
import zlib
from types import TracebackType
from typing import Any, Self

from support.quirks import folders, messages, searching, selecting, signing_in
from support.quirks.quirk import Quirk
from support.quirks.store import Folder, Message, Store
from support.quirks.syntax import ANNOUNCED, Bad, Command, Hangup, No, parse, word

CAPABILITIES = [
    "IMAP4rev1", "LITERAL+", "SASL-IR", "AUTH=PLAIN", "ENABLE", "NAMESPACE", "UIDPLUS", "MULTIAPPEND", "LIST-EXTENDED",
    "LIST-STATUS", "SPECIAL-USE", "CHILDREN", "UNSELECT", "MOVE", "ESEARCH", "CONDSTORE", "QRESYNC", "IDLE", "ID",
]  # fmt: skip
_AS_NUMBERED = {"FETCH", "STORE", "SEARCH"}
"""While these run nobody may hear of an expunge (RFC 3501 §7.4.1), nor here of anything else."""
_MOST_OCTETS = 64 * 1024 * 1024
_HANDLERS = {**signing_in.HANDLERS, **folders.HANDLERS, **selecting.HANDLERS, **messages.HANDLERS, **searching.HANDLERS}


class QuirkServer:
    """Use as a context manager. ``commands``: all that were received, of all connections, in order; ``faults``: errors of the server's own,
    which are a mistake in it. One user, ``anna``, with the password ``secret``."""

    user, password = "anna", "secret"

    def __init__(self, quirk: Quirk | None = None, store: Store | None = None) -> None:
        self.quirk = quirk or Quirk()
        self.store = store or Store()
        self.commands: list[Command] = []
        self.faults: list[BaseException] = []
        self.sessions: list[Session] = []
        self._accepting = threading.Lock()
        """Held between a session's being listed and its thread's start."""
        self.connections = 0

    @property
    def url(self) -> str:
        return f"imap://{self.user}@127.0.0.1:{self.port}"

    def verbs(self) -> set[str]:
        return {command.verb for command in self.commands}

    def hang_up(self) -> int:
        """End the connections that are there, and give how many there were: none is left to meet the next client."""
        with self._accepting:
            left = list(self.sessions)
        for session in left:
            session.end()
            session.thread.join(5)
        return len(left)

    def __enter__(self) -> Self:
        self.quirk.prepare(self.store)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            session = Session(self, peer, self.connections)
            with self._accepting:
                self.sessions.append(session)
                session.thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(5)
        self.hang_up()
        assert not self.faults, self.faults


class Session:
    """One connection. ``view``: the messages of ``selected`` as this client numbers them."""

    def __init__(self, server: QuirkServer, peer: socket.socket, number: int) -> None:
        self.server, self.store, self.quirk, self.number = server, server.store, server.quirk, number
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.signed_in = False
        self.selected: Folder | None = None
        self.read_only = False
        self.view: list[Message] = []
        self.known_flags: dict[int, frozenset[bytes]] = {}
        self.enabled: set[str] = set()
        self.commands = 0
        self.lines: list[bytes] = []
        self._peer = peer
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._inflate: Any = None
        self._deflate: Any = None

    # -- octets -------------------------------------------------------------------------------------------------------

    def write(self, octets: bytes) -> None:
        if self._deflate:
            octets = self._deflate.compress(octets) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._peer.sendall(octets)

    def send(self, octets: bytes) -> None:
        self.quirk.write(self, octets)

    def end(self) -> None:
        """Close the connection, whatever it is at."""
        with contextlib.suppress(OSError):  # it is closed already
            self._peer.shutdown(socket.SHUT_RDWR)

    def compress(self) -> None:
        """RFC 4978, from here on."""
        self._inflate = zlib.decompressobj(-15)
        self._deflate = zlib.compressobj(wbits=-15)

    def _more(self) -> None:
        octets = self._peer.recv(65536)
        if not octets or len(self._buffer) > _MOST_OCTETS:
            raise Hangup
        self._buffer += self._inflate.decompress(octets) if self._inflate else octets

    def read_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def read_octets(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        octets = bytes(self._buffer[:count])
        del self._buffer[:count]
        return octets

    def ask(self, line: bytes) -> bytes:
        """In the middle of a command: say something, and give the client's next line. Others go on meanwhile."""
        self.store.lock.release()
        try:
            self.send(line)
            return self.read_line()
        finally:
            self.store.lock.acquire()

    # -- the life of a connection -------------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            greeting = self.quirk.greeting(self, b"* OK [CAPABILITY %b] ready" % self.offered())
            self.send(greeting + b"\r\n")
            if greeting.startswith(b"* BYE"):
                raise Hangup
            while True:
                self._answer_one()
        except (Hangup, OSError):
            pass  # the client or a quirk ended it
        except Exception as error:
            self.server.faults.append(error)
            raise
        finally:
            self.server.sessions.remove(self)
            self._peer.close()

    def capabilities(self) -> list[str]:
        offered = [name for name in CAPABILITIES if name not in self.quirk.without]
        return self.quirk.capabilities(self, offered)

    def has(self, name: str) -> bool:
        return name in self.capabilities()

    def offered(self) -> bytes:
        return " ".join(self.capabilities()).encode()

    def _answer_one(self) -> None:
        self.lines = []
        parts: list[bytes] = []
        tag, status, command = b"*", "BAD", None
        try:
            line = self.read_line()
            tag = line.split(b" ")[0] or b"*"
            self._read_literals(tag, line, parts)
            command = self._command(parts)
            with self.store.lock:
                self.quirk.before(self, command)
                text = self._carry_out(command)
                self.quirk.after(self, command)
            status = "OK"
        except No as refusal:
            status, text = "NO", str(refusal).encode()
        except Bad as refusal:
            status, text = "BAD", str(refusal).encode()
        self._answer(tag, command, status, text)

    def _answer(self, tag: bytes, command: Command | None, status: str, text: bytes) -> None:
        if command is not None:
            with self.store.lock:
                self.lines = self.quirk.replies(self, command, self.lines)
                status, text = self.quirk.answer(self, command, status, text)
        tagged = b"%b %b %b" % (tag, status.encode(), text)
        self.send(b"".join(line + b"\r\n" for line in [*self.lines, tagged]))
        if command is None or status != "OK":
            return
        if command.verb == "LOGOUT":
            raise Hangup
        if command.verb == "COMPRESS":
            self.compress()

    def _read_literals(self, tag: bytes, line: bytes, parts: list[bytes]) -> None:
        parts.append(line)
        while found := ANNOUNCED.search(parts[-1]):
            octets, waits = int(found[1]), not found[2]
            if not waits and not self.has("LITERAL+"):
                raise Bad("LITERAL+ is not offered")
            with self.store.lock:
                self.quirk.announced(self, b"".join(parts), octets, waits)
            if waits:
                self.send(b"+ go ahead\r\n")
            parts.append(self.read_octets(octets))
            parts.append(self.read_line())

    def _command(self, parts: list[bytes]) -> Command:
        values = parse(parts)
        if len(values) < 2:
            raise Bad("a command has a tag and a name")
        verb = word(values[1]).decode("latin-1").upper()
        rest = values[2:]
        if verb == "UID" and rest:
            verb, rest = f"UID {word(rest[0]).decode('latin-1').upper()}", rest[1:]
        self.commands += 1
        command = Command(self.number, word(values[0]), verb, rest, b"".join(parts[::2]))
        self.server.commands.append(command)
        return command

    def _carry_out(self, command: Command) -> bytes:
        handler = _HANDLERS.get(command.verb)
        if handler is None:
            raise Bad(f"no command {command.verb}")
        if not self.signed_in and command.verb not in signing_in.HANDLERS:
            raise Bad("sign in first")
        text = handler(self, command.arguments)
        refreshing = command.verb not in _AS_NUMBERED and self.selected is not None
        if refreshing and self.quirk.refreshes(self, command):
            selecting.refresh(self)
        return text
