r"""Octets into command lines, and into messages.

Two modes, and the caller says which: `next_line` while commands are expected, `take_message` once DATA was answered with 354.

A message ends at ``\r\n.\r\n``. Its neighbours (``\n.\n``, ``\n.\r\n``, ``\r.\r\n``, ``\r\n.\n`` and the like) are what SMTP smuggling is made of
(CVE-2023-51764 and its kin): here they are octets of the message. A bare LF becomes CRLF, so that what we store and send on holds no line that
another server could read differently; a bare CR is kept.
"""

import re
from collections.abc import Callable

from bascule.protocols.smtp.limits import LINE_OCTETS

_BARE_LF = re.compile(rb"(?<!\r)\n")


class LineTooLong(ValueError):
    """No end of line within `LINE_OCTETS`."""


class SmtpReceiver:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._in_message = False

    def feed(self, octets: bytes) -> None:
        self._buffer += octets

    def __len__(self) -> int:
        """Octets that wait."""
        return len(self._buffer)

    def drop(self) -> None:
        """Forget what waits: it came before TLS did (CVE-2011-0411)."""
        self._buffer.clear()

    def next_line(self) -> bytes | None:
        """The next command line without its end; None where it is not all here. A bare LF ends a line too: RFC 5321 §2.3.8 forbids sending
        it, and no message can hide in a command. Raises LineTooLong."""
        end = self._buffer.find(b"\n")
        if end > LINE_OCTETS or (end < 0 and len(self._buffer) > LINE_OCTETS):
            raise LineTooLong
        if end < 0:
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line

    def take_message(self, sink: Callable[[bytes], object]) -> bool:
        """Give what is here of the message to ``sink``; True at its end. RFC 5321 §4.5.2"""
        if not self._in_message:
            self._buffer[:0] = b"\r\n"  # a message begins at the beginning of a line
            self._in_message = True
            self._virtual = 2
        buffer, position = self._buffer, 0
        while True:
            dot = buffer.find(b"\r\n.", position)
            if dot < 0:
                break
            follows = buffer[dot + 3 : dot + 5]
            if follows == b"\r\n":
                self._give(sink, bytes(buffer[position : dot + 2]))
                del buffer[: dot + 5]
                self._in_message = False
                return True
            if len(follows) < 2 and b"\r\n".startswith(follows):
                self._give(sink, bytes(buffer[position:dot]))
                del buffer[:dot]
                return False
            self._give(sink, bytes(buffer[position : dot + 2]))
            position = dot + 3
        keep = 2 if buffer.endswith(b"\r\n") else 1 if buffer.endswith(b"\r") else 0
        end = max(position, len(buffer) - keep)
        self._give(sink, bytes(buffer[position:end]))
        del buffer[:end]
        return False

    def _give(self, sink: Callable[[bytes], object], piece: bytes) -> None:
        if self._virtual and piece:
            piece, self._virtual = piece[self._virtual :], max(0, self._virtual - len(piece))
        if piece:
            sink(_BARE_LF.sub(b"\r\n", piece) if piece.count(b"\n") != piece.count(b"\r\n") else piece)
