"""A conversation with an IMAP server, command by command, in which every reply is parsed by `bascule.protocols.imap`."""

import socket
import ssl
import zlib
from dataclasses import dataclass, field
from typing import Any

from bascule.protocols.imap import Receiver
from bascule.protocols.imap.receiver import Frame
from bascule.protocols.imap.responses import Condition, Continuation, parse_response
from bascule.terms.body import SpooledBody


@dataclass
class Reply:
    """``lines``: untagged responses as they came, literals joined in; ``parsed``: the same, typed."""

    status: str
    code: str
    text: str
    lines: list[bytes] = field(default_factory=list)
    parsed: list[Any] = field(default_factory=list)

    def line(self, start: bytes) -> bytes:
        """The one untagged response that begins so (after ``* ``)."""
        found = [line for line in self.lines if line.startswith(b"* " + start)]
        assert len(found) == 1, (start, self.lines)
        return found[0]

    def has(self, piece: bytes) -> bool:
        return any(piece in line for line in self.lines)


class Dialogue:
    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._receiver = Receiver(lambda octets: SpooledBody())
        self._inflate: Any = None
        self._deflate: Any = None
        self._number = 0
        self.greeting = self._joined(self.frame())

    def start_tls(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def start_compression(self) -> None:
        self._inflate = zlib.decompressobj(-15)
        self._receiver.feed(self._inflate.decompress(self._receiver.take_rest()))
        self._deflate = zlib.compressobj(wbits=-15)

    def send(self, octets: bytes) -> None:
        if self._deflate:
            octets = self._deflate.compress(octets) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self.socket.sendall(octets)

    def frame(self) -> Frame:
        """The next response. Raises EOFError when the server closes."""
        while True:
            frame = self._receiver.next_frame()
            if frame is not None:
                return frame
            octets = self.socket.recv(65536)
            if not octets:
                raise EOFError
            self._receiver.feed(self._inflate.decompress(octets) if self._inflate else octets)

    @staticmethod
    def _joined(frame: Frame) -> bytes:
        return b"".join(part if isinstance(part, bytes) else part.whole() for part in frame)  # type: ignore[attr-defined]

    def begin(self, command: str | bytes, *literals: bytes) -> bytes:
        """Send a command without waiting; ``{}`` in it stands for each of ``literals``. Its tag."""
        self._number += 1
        tag = b"t%d" % self._number
        octets = command.encode() if isinstance(command, str) else command
        for literal in literals:
            octets = octets.replace(b"{}", b"{%d+}\r\n" % len(literal) + literal.replace(b"{}", b"{ }"), 1)
        self.send(tag + b" " + octets + b"\r\n")
        return tag

    def end(self, tag: bytes) -> Reply:
        """What comes until the tagged reply."""
        lines, parsed = [], []
        while True:
            frame = self.frame()
            response = parse_response(frame)
            if isinstance(response, Condition) and response.tag == tag.decode():
                code = response.code
                words = (
                    [code.name, *(a.decode() if isinstance(a, bytes) else str(a) for a in code.arguments)]
                    if code
                    else []
                )
                return Reply(response.status, " ".join(words), response.text, lines, parsed)
            lines.append(self._joined(frame))
            parsed.append(response)

    def do(self, command: str | bytes, *literals: bytes) -> Reply:
        return self.end(self.begin(command, *literals))

    def ok(self, command: str | bytes, *literals: bytes) -> Reply:
        reply = self.do(command, *literals)
        assert reply.status == "OK", (command, reply)
        return reply

    def no(self, command: str | bytes, *literals: bytes) -> Reply:
        reply = self.do(command, *literals)
        assert reply.status == "NO", (command, reply)
        return reply

    def bad(self, command: str | bytes, *literals: bytes) -> Reply:
        reply = self.do(command, *literals)
        assert reply.status == "BAD", (command, reply)
        return reply

    def untagged(self) -> bytes:
        """The next response that no command asked for."""
        frame = self.frame()
        parse_response(frame)
        return self._joined(frame)

    def continuation(self) -> bytes:
        response = parse_response(self.frame())
        assert isinstance(response, Continuation), response
        return response.text

    def append(self, mailbox: str, message: bytes, flags: str = "") -> str:
        """The new UID."""
        return self.ok(f"APPEND {mailbox} ({flags}) {{}}", message).code.split()[-1]

    def close(self) -> None:
        self.socket.close()
