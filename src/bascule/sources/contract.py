"""What every source promises, as types. The obligations stand in the docstrings; the contract suite tests them."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, Self

from bascule.terms.body import Body
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.instant import InternalDate
from bascule.terms.watch import Watcher


class SourceError(BasculeError):
    """The source as a whole can't be read (any more): a sentence for the user."""

    def __init__(self, message: str, advice: str = "", status: ExitStatus = ExitStatus.CONNECT) -> None:
        super().__init__(message, advice, status)


class FolderError(Exception):
    """One folder can't be opened; the message is the source's own reason. The reader can open others."""


CHANGED = "its UIDVALIDITY changed while it was read; the next run reads it again"
"""The reason of a FolderError: what was read before belongs to a folder that is gone."""


class FolderGone(FolderError):
    """There is no folder of that name, or none any more: the source, asked again, lists it no longer, or as a name alone."""


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """``name`` is the source's own key for the folder (raw octets on IMAP); ``path`` is how we place it.

    ``told_apart``: why the path is not simply what the folder is called, for people; empty where it is.
    """

    path: FolderPath
    name: bytes
    special_use: SpecialUse | None = None
    subscribed: bool = False
    selectable: bool = True
    told_apart: str = ""


DISBELIEVED = -1


@dataclass(frozen=True, slots=True)
class SourceState:
    """A folder at an instant. Two equal states with ``modseq`` above 0 mean that nothing changed between them.

    ``modseq`` 0: the source keeps none, and only a survey tells. `DISBELIEVED`: it was seen to keep one that does not count changes.
    """

    uidvalidity: int
    uidnext: int
    messages: int
    modseq: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None) -> Self | None:
        return cls(**json.loads(text)) if text else None

    def proves_unchanged(self, other: "SourceState | None") -> bool:
        return self.modseq > 0 and self == other


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in a folder. ``uids`` ascending, all of them. ``flags``: at least those that changed since ``known``.

    ``flags_are_complete``: every message's flags are in ``flags``. ``unlisted``: so many messages more does the source count than it gives
    UIDs for; they can't be asked for, and must be told. ``uidnext_fell``: the source tells a lower UIDNEXT than ``known`` has, so that it may
    give UIDs again.
    """

    state: SourceState
    uids: Sequence[int]
    flags: dict[int, Flags]
    flags_are_complete: bool
    unlisted: int = 0
    uidnext_fell: bool = False


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """One message. Whoever receives it closes its body.

    ``date``: when it arrived; None: the source gave none that is a date (`arrival` has what may stand in for it). ``remarks``: what the
    source did not give, or gave in a form that says nothing, in words for the report.
    """

    uid: int
    flags: Flags
    date: InternalDate | None
    body: Body
    labels: tuple[str, ...] | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that the source lists and does not give; ``reason`` in its own words."""

    uid: int
    reason: str


class Reader(Protocol):
    """One connection (or one walk through files). For one task at a time."""

    async def open(self, folder: SourceFolder, known: SourceState | None) -> Survey:
        """Open a folder and tell what is in it. ``known``: the state of the last complete delta, where there was one.

        Raises FolderGone when there is no such folder (any more), FolderError when this one can't be opened, SourceError when nothing
        can.
        """

    async def reopen(self, folder: SourceFolder, uidvalidity: int) -> None:
        """Open again a folder of which ``uidvalidity`` was learnt by `open` earlier in this run, for `details` and `read`, without looking
        at what is in it. Raises FolderError where it is another folder of that name now, FolderGone, SourceError."""

    async def details(self, uids: Sequence[int]) -> dict[int, tuple[InternalDate | None, int]]:
        """Date (None: the source gives none) and size in octets of messages of the open folder, without reading them. Sizes may be
        estimates. A message of which the source does not tell the size is absent."""

    def read(self, uids: Sequence[int]) -> AsyncIterator[list[SourceMessage | Unreadable]]:
        """The messages of the open folder with these UIDs, in groups as they arrive, each UID once.

        What is wrong with one message is told of that message: it is `Unreadable`, or it is given with ``remarks``. A UID that vanished
        in the meantime is given by nobody. Connections that end are opened again; raises SourceError when that does not help, and
        FolderError when the folder's UIDVALIDITY changed meanwhile, or the file that holds it, or when the source ends the connection at whatever is asked for.
        """

    async def close(self) -> None: ...


class Source(Protocol):
    """An old platform's mailbox."""

    location: str

    def watch(self, watcher: Watcher) -> None:
        """Who is told of waits, and of connections that the source does not take, from here on; nobody otherwise."""

    async def folders(self) -> list[SourceFolder]:
        """Every folder that the source itself counts, those that hold only others too (not selectable).

        No two have the same path, and a folder's path is the same at every call, whatever the order in which the source lists: two that would
        meet are told apart. So nothing that lies in a selectable folder is left unseen.
        """

    async def states(self, folders: Sequence[SourceFolder]) -> dict[bytes, SourceState]:
        """A cheap look at each folder, by name; absent where the source can't tell. Nothing is opened."""

    async def reader(self) -> Reader:
        """A new reader. Raises SourceError, ConnectError; NoPlace where the source takes no further one beside those there are."""

    async def close(self) -> None: ...
