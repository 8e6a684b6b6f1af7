"""Another mail server, as odd as a test wants it: it says what it is told to, over real sockets, and remembers what it heard."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

Answer = bytes | Callable[[socket.socket], None]
"""What is sent; or what is done instead, with the connection."""
PLAIN: Mapping[str, Answer] = {
    "greeting": b"220 far ESMTP\r\n",
    "EHLO": b"250-far\r\n250 8BITMIME\r\n",
    "HELO": b"250 far\r\n",
    "DATA": b"354 go on\r\n",
    "QUIT": b"221 goodbye\r\n",
    "end": b"250 2.0.0 taken\r\n",
}


class FarServer:
    """Use as a context manager. ``answers``: by the command's first word, or by its beginning (``RCPT TO:<a``; the longest that fits);
    ``greeting`` and ``end`` (of a message) among them. What is in neither `PLAIN` nor these gets 250."""

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: tuple[Path, Path] | None = None,
        silence_seconds: float | None = None,
    ) -> None:
        """``tls``: certificate and key, for when STARTTLS is answered 220. ``silence_seconds``: a client that says nothing for so long is left."""
        self._silence_seconds = silence_seconds
        self.answers = {**PLAIN, **(answers or {})}
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._tls is not None and tls is not None:
            self._tls.load_cert_chain(*tls)
        self.heard: list[bytes] = []
        """Lines, of all connections, without their ends."""
        self.messages: list[bytes] = []
        self.connections = 0
        self._socket = socket.create_server((host, port))
        self.port: int = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def count(self, beginning: bytes) -> int:
        """How many lines begin with that."""
        return sum(line.startswith(beginning) for line in self.heard)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(self._silence_seconds)
        with contextlib.suppress(OSError, EOFError), connection:
            self._say(connection, "greeting")
            lines = connection.makefile("rb")
            while True:
                line = lines.readline()
                if not line:
                    return
                self.heard.append(line.rstrip(b"\r\n"))
                word = self._key(line.decode("utf-8", "replace"))
                self._say(connection, word)
                if word == "STARTTLS" and self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                    lines = connection.makefile("rb")
                    self._open.append(connection)
                if word == "QUIT":
                    return
                if word == "DATA" and self.answers[word] == PLAIN["DATA"]:
                    taken = []
                    while (piece := lines.readline()) != b".\r\n" or (taken and not taken[-1].endswith(b"\r\n")):
                        if not piece:
                            return
                        taken.append(piece)
                    self.messages.append(b"".join(taken))
                    self._say(connection, "end")

    def _key(self, line: str) -> str:
        fitting = [key for key in self.answers if line.upper().startswith(key.upper())]
        return max(fitting, key=len, default="")

    def _say(self, connection: socket.socket, key: str) -> None:
        answer = self.answers.get(key, b"250 2.0.0 fine\r\n")
        if callable(answer):
            answer(connection)
        elif answer:
            connection.sendall(answer)
