"""The steps of the server at which a quirk may behave otherwise; `Quirk` itself changes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.quirks.server import Session
    from support.quirks.store import Folder, Message, Store
    from support.quirks.syntax import Command

Codes = dict[str, bytes]
"""Response codes of SELECT, or items of STATUS or FETCH, each with its value as it goes onto the wire."""


@dataclass(frozen=True)
class Allowed:
    """What a client may make of a quirk at best: an exact copy, or one whose every difference is named."""

    name: str


@dataclass(frozen=True)
class Ends(Allowed):
    """As `NAMED`; or the run ends before it is through, with a sentence that matches ``told``."""

    told: re.Pattern[str]

    @classmethod
    def with_sentence(cls, told: str) -> Ends:
        return cls("ends", re.compile(told, re.IGNORECASE))


EXACT = Allowed("exact")
NAMED = Allowed("named")


class Quirk:
    """One oddity. A subclass's docstring says it in one sentence.

    ``seen``: where it was met. ``as_source``, ``as_target``: what the best client makes of it in that place; None: the place never
    meets it, or can't tell. ``words``: options of ``bascule copy`` that bring it out. ``without``: capabilities that the server does
    not offer. ``anywhere``: folders may have other names on the target. ``moves_by_itself``: the mailbox changes while it is read.
    ``passes``: the next run does not meet it any more. ``says``: what the output must say where folders are refused.
    ``forgets``: a last run without what the others remembered belongs to the trial; it sends nothing twice, also where not all can be exact.
    An object serves one server, and may count in attributes of its own; the store's lock is held at every step but `greeting` and
    `write`.
    """

    seen = ""
    as_source: Allowed | None = None
    as_target: Allowed | None = None
    words: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    anywhere = False
    moves_by_itself = False
    passes = False
    says = ""
    forgets = False

    def prepare(self, store: Store) -> None:
        """Once, when the store holds its messages, and before any client comes."""

    def prepare_other(self, store: Store) -> None:
        """What the other side must hold for the quirk to show."""

    def pass_by(self) -> None:
        """Before the second run, however soon it comes: what is there for a while is over."""

    def later(self, store: Store) -> None:
        """What this server does to its mailbox before a run a day later."""

    # -- the connection -----------------------------------------------------------------------------------------------

    def greeting(self, session: Session, line: bytes) -> bytes:
        return line

    def capabilities(self, session: Session, names: list[str]) -> list[str]:
        return names

    def before(self, session: Session, command: Command) -> None:
        """The command has been read and is not yet carried out. May raise No, Bad, Hangup in its place, or say something first."""

    def after(self, session: Session, command: Command) -> None:
        """It has been carried out; its untagged responses are in ``session.lines``."""

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        """All untagged responses to a command, on their way out."""
        return lines

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        """The tagged answer."""
        return status, text

    def write(self, session: Session, octets: bytes) -> None:
        session.write(octets)

    # -- folders ------------------------------------------------------------------------------------------------------

    def namespace(self, session: Session, line: bytes) -> bytes:
        return line

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        """What LIST and LSUB say, one line for each folder."""
        return lines

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return items

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return codes

    def create(self, session: Session, name: bytes) -> bytes | None:
        """The name under which the folder is made; None: the answer is OK, and nothing is made."""
        return name

    # -- messages -----------------------------------------------------------------------------------------------------

    def is_shown(self, session: Session, message: Message) -> bool:
        """Whether a view that is taken now holds the message."""
        return True

    def refreshes(self, session: Session, command: Command) -> bool:
        """Whether the selected folder is looked at again after a command that may tell of new and expunged messages."""
        return True

    def found(self, session: Session, uids: list[int]) -> list[int]:
        """What SEARCH says."""
        return uids

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        """The FETCH responses of one message, each with its items."""
        return [items]

    def announced(self, session: Session, text: bytes, octets: int, waits: bool) -> None:
        """A literal was announced at the end of ``text`` and not read. Raises No or Bad to refuse the command, which is then read no further."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        """A message that APPEND brought, before it is kept; None: it is not kept."""
        return message

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        """The response code of an APPEND that went well."""
        return b"[APPENDUID %d %b] " % (folder.uidvalidity, b",".join(b"%d" % uid for uid in uids))
