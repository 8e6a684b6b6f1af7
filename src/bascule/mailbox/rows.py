"""Rows of the catalogue, as the rooms above see them."""

from dataclasses import dataclass

from bascule.terms.body import NO_TRAITS, Body, Traits
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.instant import InternalDate


@dataclass(frozen=True, slots=True)
class FolderRow:
    id: int
    path: FolderPath
    uidvalidity: int
    uidnext: int
    special_use: SpecialUse | None
    subscribed: bool
    selectable: bool
    gone: bool
    source_name: bytes
    source_state: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """``body`` is None where the mailbox keeps no bodies (what ``copy`` remembers)."""

    id: int
    folder: int
    uidvalidity: int
    uid: int
    sha256: bytes
    octets: int
    date: InternalDate
    flags: Flags
    body: int | None
    traits: Traits = NO_TRAITS
    vanished: bool = False
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message about to be written to the catalogue."""

    uid: int
    flags: Flags
    date: InternalDate
    body: Body
    labels: tuple[str, ...] | None = None
    remark: str = ""
    """What the source gave of it that could not be kept as it was (a keyword, its date), in words."""
