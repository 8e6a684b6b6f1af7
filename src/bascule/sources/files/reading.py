"""Small readings that several file sources share."""

import os
from collections.abc import Callable
from typing import BinaryIO

from bascule.protocols.mime import summarise
from bascule.sources.files.other_forms import packed_form
from bascule.terms.body import CHUNK_OCTETS, Body, body_of
from bascule.terms.instant import InternalDate

Opener = Callable[[], BinaryIO]
"""Opens a file anew, at its first octet. Raises OSError, ValueError."""
HEAD_OCTETS = 64 * 1024
"""Of a file, to learn its date, or what it is."""
MAGIC_OCTETS = 16
"""Of a file, to learn whether it is compressed."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_file(opened: Opener) -> Body:
    """A file as a message. Raises OSError, ValueError."""
    with opened() as file:
        return body_of(iter(lambda: file.read(CHUNK_OCTETS), b""), os.fstat(file.fileno()).st_size)


def read_whole(opened: Opener, most_octets: int) -> bytes:
    """All of a small file. Raises OSError; ValueError where it has more octets."""
    with opened() as file:
        octets = file.read(most_octets + 1)
    if len(octets) > most_octets:
        raise ValueError(f"it has more than {most_octets} octets")
    return octets


def read_message(opened: Opener) -> Body:
    """A file that nothing but its place or its name calls a message. Raises OSError, ValueError: also where it is compressed or encrypted."""
    with opened() as file:
        why = packed_form(file.read(MAGIC_OCTETS))
    if why:
        raise ValueError(why)
    return read_file(opened)


def head_of(opened: Opener) -> bytes:
    """Raises OSError, ValueError."""
    with opened() as file:
        return file.read(HEAD_OCTETS)


def before_mbox(head: bytes) -> int:
    """Octets before the first line of an mbox that mean nothing: a byte order mark, empty lines."""
    start = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
    return len(head) - len(head[start:].lstrip(b"\r\n"))


def begins_as_mbox(head: bytes) -> bool:
    return head.startswith(b"From ", before_mbox(head))


def date_from_header(head: bytes, otherwise: float) -> InternalDate:
    """The Date field, for files that keep no arrival date; ``otherwise`` (seconds) where it is missing or wrong."""
    found = summarise(head).date_utc
    return InternalDate(int(otherwise if found is None or found < 0 else found))


def reason_of(error: Exception) -> str:
    """In the system's words, without the path: whoever tells of it has named the file."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
