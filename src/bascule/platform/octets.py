"""A message's octets where they already lie, for several readers at once and without another copy."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol

from bascule.terms.body import CHUNK_OCTETS, HELD_OCTETS, Body, HeldBody, Measure


class Octets(Protocol):
    """What sending and delivering read of a message; a `Body` is one."""

    @property
    def octets(self) -> int: ...

    def chunks(self) -> Iterator[bytes]:
        """In pieces of at most `CHUNK_OCTETS`, as often as needed."""


class FileOctets:
    """A file that is not written any more. Whoever removes it meanwhile takes nothing from its readers. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY)
        self.octets = os.fstat(self._handle).st_size

    def chunks(self) -> Iterator[bytes]:
        place = 0
        while piece := os.pread(self._handle, CHUNK_OCTETS, place):  # by place: readers do not move one another's
            yield piece
            place += len(piece)

    def start(self, octets: int) -> bytes:
        return os.pread(self._handle, octets, 0)

    def close(self) -> None:
        os.close(self._handle)


class Prefixed(Body):
    """``octets`` behind ``before``, read where they lie; they stay the caller's to close."""

    def __init__(self, before: bytes, octets: Octets) -> None:
        self._before = before
        self._behind = octets
        measure = Measure()
        for piece in self.chunks():
            measure.look(piece)
        self.octets, self.sha256, self.traits = measure.octets, measure.sha256, measure.traits

    def chunks(self) -> Iterator[bytes]:
        return chain((self._before,) if self._before else (), self._behind.chunks())

    def start(self, octets: int) -> bytes:
        found = b""
        for piece in self.chunks():
            found += piece[: octets - len(found)]
            if len(found) >= octets:
                break
        return found

    def whole(self) -> bytes:
        return b"".join(self.chunks())


def prefixed(before: bytes, octets: Octets) -> Body:
    """A body of ``before`` and ``octets``: held where it is small."""
    if len(before) + octets.octets <= HELD_OCTETS:
        return HeldBody(b"".join(chain((before,), octets.chunks())))
    return Prefixed(before, octets)
