"""What comes in and is not carried out yet: how much of it many connections together may hold, and files without a name for what is large, written
before any mailbox is locked.

A member's connections share one `Room`, whatever their number. What is in a file is given back with the file, and a file goes with the last `Spool` in
it, in whatever way the command or message ends: nobody need say so.
"""

import errno
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from tempfile import TemporaryFile

from bascule.terms.body import CHUNK_OCTETS, Body, Measure, SpoolError, Traits


class Tally:
    """How much is taken of what there is at ``most``. For any thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._guard = threading.RLock()  # a file that is given back while it is held gives back too

    def take(self, count: int, *, first: bool = False) -> bool:
        """Whether there were so many. ``first``: who takes while nobody has any may take more than there is."""
        with self._guard:
            if self.taken + count > self.most and not (first and not self.taken):
                return False
            self.taken += count
        return True

    def change(self, count: int) -> bool:
        """Take so many (give back, where negative) whether they are there or not; whether they were."""
        with self._guard:
            self.taken += count
            return self.taken <= self.most


class Room:
    """``held``: octets in memory; ``files``: for what is larger; ``spooled``: octets in these. One message may be larger than all that."""

    def __init__(self, held: int, files: int, spooled: int) -> None:
        self.held = Tally(held)
        self.files = Tally(files)
        self.spooled = Tally(spooled)


class Rooms:
    """One for each account, as long as somebody has it. In the event loop."""

    def __init__(self, make: Callable[[], Room]) -> None:
        self._make = make
        self._rooms: weakref.WeakValueDictionary[str, Room] = weakref.WeakValueDictionary()

    def of(self, account: str) -> Room:
        room = self._rooms.get(account)
        if room is None:
            room = self._rooms[account] = self._make()
        return room


class TooMuchAtOnce(OSError):
    """There is no room for it while so much else is on its way."""

    def __init__(self) -> None:
        super().__init__(errno.EDQUOT, "too much is on its way")


class SpoolFile:
    """All large literals of one command, or one message, each written before the next is begun."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._descriptor: int | None = None
        self._reserved = 0
        self.end = 0

    def open(self, octets: int = 0) -> "Spool":
        """For so many octets. What there is no room for has a ``failure`` from the beginning."""
        spool = Spool(self)
        try:
            if self._descriptor is None:
                self._descriptor = self._made()
            self.reserve(octets)
        except OSError as error:
            spool.fail(error)
        return spool

    def _made(self) -> int:
        """Raises TooMuchAtOnce, SpoolError."""
        if not self._room.files.take(1):
            raise TooMuchAtOnce
        try:
            with TemporaryFile(prefix="bascule-", buffering=0) as file:
                return os.dup(file.fileno())
        except OSError as error:
            self._room.files.change(-1)
            raise SpoolError(error) from error

    def reserve(self, octets: int) -> None:
        """So many more. Raises TooMuchAtOnce."""
        if not self._room.spooled.take(octets, first=True):
            raise TooMuchAtOnce
        self._reserved += octets

    def write(self, octets: "memoryview | bytes") -> None:
        """Raises SpoolError."""
        assert self._descriptor is not None
        left = memoryview(octets)
        try:
            while left:
                written = os.pwrite(self._descriptor, left, self.end)
                self.end += written
                left = left[written:]
        except OSError as error:
            raise SpoolError(error) from error

    def read(self, start: int, octets: int) -> bytes:
        """Raises SpoolError."""
        assert self._descriptor is not None
        try:
            return os.pread(self._descriptor, octets, start)
        except OSError as error:
            raise SpoolError(error) from error

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._room.files.change(-1)
        self._room.spooled.change(-self._reserved)


class Spool(Body):
    """``failure``: why it is not kept (disk full, `TooMuchAtOnce`). Its octets are thrown away then, so that the command can be answered.

    It is written by the event loop, and measured by the thread that carries the command out: hashing takes ten times as long as writing.
    """

    def __init__(self, file: SpoolFile) -> None:
        self.failure: OSError | None = None
        self.octets = 0
        self._file: SpoolFile | None = file
        self._start = 0
        self._measure: Measure | None = None

    def write(self, octets: "memoryview | bytes") -> None:
        if self.failure is not None or self._file is None:
            return
        if not self.octets:
            self._start = self._file.end
        try:
            self._file.write(octets)
        except OSError as error:
            self.fail(error)
        else:
            self.octets += len(octets)

    def reserve(self, octets: int) -> None:
        """Where it was not known how many would come. What there is no room for is a ``failure``."""
        try:
            if self._file is not None and self.failure is None:
                self._file.reserve(octets)
        except OSError as error:
            self.fail(error)

    def fail(self, error: OSError) -> None:
        """Its traceback would hold the file, and this."""
        self.failure = error.with_traceback(None)
        error.__cause__ = error.__context__ = None

    def measure(self) -> Measure:
        """Read it once, whole."""
        if self._measure is None:
            measure = Measure()
            for piece in self.chunks():
                measure.look(piece)
            self._measure = measure
        return self._measure

    @property
    def sha256(self) -> bytes:  # type: ignore[override]
        return self.measure().sha256

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        return self.measure().traits

    def chunks(self) -> Iterator[bytes]:
        for begin in range(0, self.octets, CHUNK_OCTETS):
            yield self._read(begin, CHUNK_OCTETS)

    def start(self, octets: int) -> bytes:
        return self._read(0, octets)

    def whole(self) -> bytes:
        return self._read(0, self.octets)

    def _read(self, begin: int, octets: int) -> bytes:
        assert self._file is not None
        found: list[bytes] = []
        begin, end = self._start + begin, self._start + min(begin + octets, self.octets)
        while begin < end and (piece := self._file.read(begin, end - begin)):
            found.append(piece)
            begin += len(piece)
        return b"".join(found)

    def close(self) -> None:
        self._file = None
