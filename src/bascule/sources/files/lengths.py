"""Content-Length in an mbox (mboxcl2, as Dovecot writes it): it says where a message ends, and lines that begin with ``From`` are not quoted."""

import re
from dataclasses import dataclass
from typing import BinaryIO

_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*(\d{1,15})[ \t]*\r?\n", re.I)
_FITS = re.compile(rb"(?:\n(?:\r?\n)?|[^\r\n](?:\r?\n){1,2})(?=From )|(?:\n|[^\r\n](?:\r?\n)?)(?:\r?\n)?\Z")
"""The last octet of a message and what separates it from the next ``From`` line, or from the end of the file: an empty line, and the end of the last
line where the message has none."""
_TO_LOOK_AT = 16
"""Octets: more than `_FITS` may need."""


@dataclass(frozen=True, slots=True)
class Reach:
    """``end``: the octet after a message's last; ``next``: where the next ``From`` line begins, or the end of the file."""

    end: int
    next: int


class Lengths:
    """Hears an mbox line by line.

    A length is believed only where the first message of the file has one that fits, since then whoever wrote the file writes lengths. In a
    file of another kind it is a field that any sender may set, so as to make others' messages part of their own. ``in_header``: only then `reach` has an answer.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._are_written: bool | None = None
        self.in_header = False
        self._length: int | None = None

    def begin(self) -> None:
        """A message begins: what follows is its header."""
        self.in_header, self._length = self._are_written is not False, None

    def reach(self, line: bytes, position: int) -> Reach | None:
        """How far the message goes whose header ``line`` ends; None where it ends none, or the length does not fit. ``position``: behind the line. The
        file stands there afterwards, or at ``next``. Raises OSError."""
        if line.strip(b"\r\n"):
            found = _LENGTH.match(line)
            self._length = int(found[1]) if found else self._length
            return None
        self.in_header = False
        reach = None if self._length is None else self._fitting(position + self._length)
        if self._are_written is None:
            self._are_written = reach is not None
        self._file.seek(reach.next if reach else position)
        return reach

    def _fitting(self, end: int) -> Reach | None:
        self._file.seek(end - 1)
        found = _FITS.match(self._file.read(_TO_LOOK_AT))
        return Reach(end, end - 1 + found.end()) if found else None
