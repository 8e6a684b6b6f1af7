"""What is on its way: one message, and a batch of them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bascule.deliver.likeness import likeness_of
from bascule.deliver.limits import MENDING_OCTETS
from bascule.mailbox.ledger import Sent
from bascule.protocols.imap.dates import writable_date
from bascule.protocols.imap.flags import ordinary_flags, writable_flags
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.protocols.mime.mending import mend
from bascule.terms.body import Body, body_of
from bascule.terms.flags import Flags
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import MENDED
from bascule.terms.printable import printable

_SHOWN_CHARACTERS = 60
"""Of one name in a report."""
_BARE_LF = re.compile(rb"(?<!\r)\n")


@dataclass(slots=True)
class Parcel:
    """A message to deliver. ``message`` is its row in the catalogue; 0: not written there yet (a copy in progress)."""

    uid: int
    flags: Flags
    date: InternalDate
    body: Body
    message: int = 0
    labels: tuple[str, ...] | None = None
    original: Body | None = None
    """The body as it was, where ``body`` is its form for the wire."""
    mended: str = ""
    """What was changed in it, in words, because the target refused it and the user asked for that."""
    remark: str = ""
    """What the source gave of it that could not be kept as it was, or that no IMAP command can hold (a keyword, its date), in words."""

    def for_the_wire(self) -> "Parcel":
        """With CRLF for each bare LF, as RFC 5322 §2.3 has it, and without flags and dates that IMAP can't write; the same parcel where all can be."""
        kept, rest = writable_flags(self.flags)
        date = writable_date(self.date)
        if not rest and date is self.date:
            return self._with_crlf()
        told = [self.remark, told_unwritable(rest) if rest else "", told_date(self.date, date)]
        return replace(self, flags=kept, date=date, remark="; ".join(filter(None, told)))._with_crlf()

    def _with_crlf(self) -> "Parcel":
        if not self.body.traits.bare_lf or self.original is not None:
            return self
        wire = body_of(with_crlf(self.body.chunks()))
        return replace(self, body=wire, original=self.body)

    @property
    def has_utf8_header(self) -> bool:
        """Whether its header holds octets above 127, and they are UTF-8 (RFC 6532)."""
        if not self.body.traits.fragile:
            return False
        head = self.body.start(HEADER_OCTETS).partition(b"\r\n\r\n")[0]
        try:
            return not head.isascii() and bool(head.decode("utf-8"))
        except UnicodeDecodeError:
            return False

    def in_mended_form(self) -> "Parcel | None":
        """Without what servers refuse: in its octets first, then without its keywords; None when nothing is left to try."""
        whole, told = mend(self.body.whole()) if self.body.octets <= MENDING_OCTETS else (b"", [])
        if told:
            mended = replace(self, body=body_of(iter([whole])), original=self.original or self.body)
            mended.mended = "; ".join([self.mended, *told] if self.mended else told)
            return mended
        keywords = sorted(name for name in self.flags if not name.startswith("\\"))
        if not keywords:
            return None
        told = [*([self.mended] if self.mended else []), f"without {printable(' '.join(keywords))}"]
        return replace(self, flags=self.flags - frozenset(keywords), mended="; ".join(told))

    def without_keywords(self) -> "Parcel | None":
        """Without keywords that are longer than servers take; where there are none, without any; None where it has no keyword at all."""
        ordinary = ordinary_flags(self.flags)
        kept = ordinary if ordinary != self.flags else frozenset(n for n in self.flags if n.startswith("\\"))
        if kept == self.flags:
            return None
        return replace(self, flags=kept, remark="; ".join(filter(None, [self.remark, told_refused(self.flags - kept)])))

    @property
    def alteration(self) -> str:
        """How what is sent differs from what the old side has, in words; empty where it does not."""
        if not self.mended:
            return self.remark
        return "; ".join(text for text in (MENDED + self.mended, self.remark) if text)

    @property
    def sent(self) -> Sent | None:
        """What its copy is known by beside the message's own SHA-256; None where that is enough."""
        if self.original is None and not self.body.traits.may_be_altered:
            return None
        return Sent(self.sent_as, likeness_of(self.body) if self.body.traits.may_be_altered else None)

    @property
    def sent_as(self) -> tuple[bytes, int] | None:
        return (self.body.sha256, self.body.octets) if self.original is not None else None

    def close(self) -> None:
        self.body.close()
        if self.original is not None:
            self.original.close()


def with_crlf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The message with CRLF for each LF that stands alone: no octet of what it says is lost, and a server would do it otherwise."""
    after_cr = False
    for piece in pieces:
        if piece:
            rest = piece[1:] if after_cr and piece.startswith(b"\n") else piece
            yield piece[: len(piece) - len(rest)] + _BARE_LF.sub(b"\r\n", rest)
            after_cr = piece.endswith(b"\r")


def told_unwritable(flags: Flags) -> str:
    """That a message is sent without these."""
    names = " ".join(printable(name, _SHOWN_CHARACTERS) for name in sorted(flags))
    what = "not a keyword" if len(flags) == 1 else "not keywords"
    return f"without {names}: {what} that IMAP can write"


def told_refused(flags: Flags) -> str:
    """That a copy is without these."""
    names = " ".join(printable(name, _SHOWN_CHARACTERS) for name in sorted(flags))
    return f"without {names}, which the target refuses"


def told_date(date: InternalDate, sent: InternalDate) -> str:
    """That a message is sent with another date; empty where it is the same instant in another zone."""
    if date.utc_seconds == sent.utc_seconds:
        return ""
    return f"dated {sent.to_iso()} instead of {date.to_iso()}, which IMAP can't write"


@dataclass(slots=True)
class Batch:
    """Parcels that are sent, answered and looked for together. ``intent`` is its row in the ledger."""

    parcels: list[Parcel] = field(default_factory=list)
    octets: int = 0
    intent: int = 0
    tries: int = 0

    def add(self, parcel: Parcel) -> None:
        self.parcels.append(parcel)
        self.octets += parcel.body.octets

    @classmethod
    def of(cls, parcels: Sequence[Parcel], tries: int = 0) -> "Batch":
        batch = cls(tries=tries)
        for parcel in parcels:
            batch.add(parcel)
        return batch

    def halves(self) -> tuple["Batch", "Batch"]:
        """Each as often tried as the whole."""
        middle = len(self.parcels) // 2
        return Batch.of(self.parcels[:middle], self.tries), Batch.of(self.parcels[middle:], self.tries)
