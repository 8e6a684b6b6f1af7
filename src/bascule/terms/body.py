"""The octets of one message, held in memory or spooled to a file, with their SHA-256 and the traits that servers trip over."""

import contextlib
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from io import IncrementalNewlineDecoder
from tempfile import TemporaryFile, gettempdir

from bascule.terms.errors import BasculeError, advice_for

CHUNK_OCTETS = 256 * 1024
HELD_OCTETS = 4 * 1024 * 1024
"""A message up to this size is held in memory; a larger one lies in an unnamed temporary file."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What in a message is known to be altered or refused on its way.

    ``bare_lf``: LF without CR before it; the wire has none, so each becomes CRLF there (RFC 5322 §2.3).
    ``fragile``: NUL, CR without LF after it, or octets above 127 in the header: servers alter these in silence
    (Cyrus' ``munge8bit``, Dovecot's NUL to 0x80), so such a message is always read back in full.
    ``unended``: it does not end in a line end, or has no body: some servers add one (Courier, Dovecot's mbox), which its size tells.
    """

    bare_lf: bool = False
    fragile: bool = False
    unended: bool = False

    @property
    def may_be_altered(self) -> bool:
        """Whether a server may keep it in another form that it is known for."""
        return self.fragile or self.unended

    def to_bits(self) -> int:
        """1: bare LF; 2: fragile; 4: unended."""
        return self.bare_lf | self.fragile << 1 | self.unended << 2

    @classmethod
    def from_bits(cls, bits: int) -> "Traits":
        return cls(bool(bits & 1), bool(bits & 2), bool(bits & 4))


NO_TRAITS = Traits()


class Body(ABC):
    """Read it as often as needed, then `close` it. ``octets`` and ``sha256`` are those of the octets that it gives."""

    octets: int
    sha256: bytes
    traits: Traits

    @abstractmethod
    def chunks(self) -> Iterator[bytes]:
        """The octets in order, in pieces of at most CHUNK_OCTETS (one piece when held)."""

    def after(self, octets: int) -> Iterator[bytes]:
        """`chunks`, without the first ``octets``."""
        skip = octets
        for piece in self.chunks():
            if skip < len(piece):
                yield piece[skip:] if skip else piece
            skip = max(0, skip - len(piece))

    @abstractmethod
    def start(self, octets: int) -> bytes:
        """The first ``octets`` of it (fewer when it is shorter)."""

    @abstractmethod
    def whole(self) -> bytes:
        """All of it in memory."""

    def close(self) -> None:  # noqa: B027 - a held body has nothing to close
        """Give back what it holds."""


class _LineEnds:
    r"""Which of "\n", "\r" and "\r\n" end lines, in pieces cut anywhere: the decoder sees them in one pass, which takes a
    third of the time of counting each."""

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        self._decoder = IncrementalNewlineDecoder(None, translate=False)

    def look(self, piece: bytes, *, last: bool = False) -> None:
        self._decoder.decode(piece.decode("latin-1"), final=last)

    def seen(self) -> frozenset[str]:
        seen = self._decoder.newlines
        return frozenset((seen,) if isinstance(seen, str) else seen or ())


def _traits(data: bytes) -> Traits:
    ends = _LineEnds()
    ends.look(data, last=True)
    seen = ends.seen()
    fragile = "\r" in seen or b"\0" in data
    end = data.find(b"\r\n\r\n")
    if not fragile and not data.isascii():
        fragile = not (data if end < 0 else data[:end]).isascii()
    unended = not data.endswith(b"\n") or end in (-1, len(data) - 4)
    return Traits(bare_lf="\n" in seen, fragile=fragile, unended=unended)


class HeldBody(Body):
    __slots__ = ("data", "octets", "sha256", "traits")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.octets = len(data)
        self.sha256 = hashlib.sha256(data).digest()
        self.traits = _traits(data)

    def chunks(self) -> Iterator[bytes]:
        yield self.data

    def start(self, octets: int) -> bytes:
        return self.data[:octets]

    def whole(self) -> bytes:
        return self.data


class SpoolError(BasculeError, OSError):
    """A temporary file of ours can't be made or written: no fault of the message, and of no server."""

    def __init__(self, error: OSError) -> None:
        place = gettempdir()
        otherwise = f"Free some space on the file system of {place}, or name another folder with TMPDIR; then run the same command again."
        super().__init__(
            f"No temporary file can be written in {place}: {error.strerror or error}.", advice_for(error, otherwise)
        )


@contextlib.contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolError(error) from error


class Measure:
    """What is known of octets that pass by in pieces, cut anywhere: how many, their SHA-256 and their traits."""

    __slots__ = ("_body_from", "_ends", "_fragile", "_hash", "_in_header", "_tail", "octets")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._ends = _LineEnds()
        self._in_header = True
        self._tail = b""
        self._body_from = 0
        self._fragile = False
        self.octets = 0

    def look(self, piece: bytes) -> None:
        """A border between two pieces may part the header's end: what matters of it is carried over."""
        self._hash.update(piece)
        self.octets += len(piece)
        self._ends.look(piece)
        self._fragile = self._fragile or b"\0" in piece
        if self._in_header:
            header = self._tail + piece
            end = header.find(b"\r\n\r\n")
            self._fragile = self._fragile or not (header if end < 0 else header[:end]).isascii()
            self._in_header = end < 0
            self._body_from = self.octets - len(header) + end + 4
        self._tail = (self._tail + piece[-3:])[-3:]

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()

    @property
    def traits(self) -> Traits:
        """Once all of it was looked at."""
        self._ends.look(b"", last=True)
        seen = self._ends.seen()
        unended = not self._tail.endswith(b"\n") or self._in_header or self._body_from == self.octets
        return Traits("\n" in seen, self._fragile or "\r" in seen, unended)


class SpooledBody(Body):
    """A sink for a literal that becomes a body: write to it, then read. Raises SpoolError when the disk is full."""

    def __init__(self) -> None:
        with _ours():
            self._file = TemporaryFile(prefix="bascule-")  # noqa: SIM115 - closed by `close`
        self._measure = Measure()

    def write(self, octets: "memoryview | bytes") -> None:
        piece = bytes(octets)
        with _ours():
            self._file.write(piece)
        self._measure.look(piece)

    @property
    def octets(self) -> int:  # type: ignore[override]
        return self._measure.octets

    @property
    def sha256(self) -> bytes:  # type: ignore[override]
        return self._measure.sha256

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        return self._measure.traits

    def chunks(self) -> Iterator[bytes]:
        self._rewind()
        while piece := self._file.read(CHUNK_OCTETS):
            yield piece

    def start(self, octets: int) -> bytes:
        self._rewind()
        return self._file.read(octets)

    def whole(self) -> bytes:
        self._rewind()
        return self._file.read()

    def _rewind(self) -> None:
        """Back to the start; what is still to be written is written by then."""
        with _ours():
            self._file.seek(0)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what is thrown away need not be written
            self._file.close()


def body_of(pieces: Iterator[bytes], octets: int | None = None) -> Body:
    """A body from pieces: held when it is small, spooled otherwise. ``octets`` is its size where it is known."""
    if octets is not None and octets <= HELD_OCTETS:
        return HeldBody(b"".join(pieces))
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > HELD_OCTETS:
            spooled = SpooledBody()
            for part in held:
                spooled.write(part)
            for part in pieces:
                spooled.write(part)
            return spooled
    return HeldBody(b"".join(held))
