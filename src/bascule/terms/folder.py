"""Where a message lies: a path of folder names, independent of any server's separator or encoding."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

from bascule.terms.printable import printable

_SURROGATE = re.compile("[\ud800-\udfff]")


class SpecialUse(StrEnum):
    r"""What a folder is for (RFC 6154 §2). ``\All``, ``\Flagged`` and ``\Important`` are views, not places."""

    ARCHIVE = "\\Archive"
    DRAFTS = "\\Drafts"
    JUNK = "\\Junk"
    SENT = "\\Sent"
    TRASH = "\\Trash"
    ALL = "\\All"
    FLAGGED = "\\Flagged"
    IMPORTANT = "\\Important"

    @classmethod
    def among(cls, attributes: frozenset[str]) -> "SpecialUse | None":
        """The special use that a LIST reply's attributes name, if one does."""
        folded = {name.lower() for name in attributes}
        return next((use for use in cls if use.value.lower() in folded), None)


VIEWS = (SpecialUse.ALL, SpecialUse.FLAGGED, SpecialUse.IMPORTANT)


def is_inbox_name(name: str) -> bool:
    """INBOX in any capitals, of ASCII letters alone (RFC 9051 §5.1): a Turkish ``ınbox`` is a folder like any other."""
    return name.isascii() and name.upper() == "INBOX"


@dataclass(frozen=True, slots=True, order=True)
class FolderPath:
    """The names from the root down to a folder.

    Every character is kept but these: ``INBOX`` at the root is always spelt in capitals (RFC 9051 §5.1), and half a surrogate pair, which is no
    character and which no database takes, is U+FFFD. Compare and keep paths, or `to_json`, and never what `display` gives.
    """

    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.parts or not all(self.parts):
            raise ValueError(f"a folder path needs names that are not empty: {self.parts!r}")
        kept = tuple(_SURROGATE.sub("\ufffd", part) for part in self.parts)
        if is_inbox_name(kept[0]):
            kept = ("INBOX", *kept[1:])
        if kept != self.parts:
            object.__setattr__(self, "parts", kept)

    @classmethod
    def split(cls, name: str, separator: str | None) -> "FolderPath":
        """The path that a server with this ``separator`` writes as ``name``; empty names in it are dropped."""
        parts = name.split(separator) if separator else [name]
        return cls(tuple(part for part in parts if part) or (name,))

    @property
    def is_inbox(self) -> bool:
        return self.parts == ("INBOX",)

    @property
    def parent(self) -> "FolderPath | None":
        return FolderPath(self.parts[:-1]) if len(self.parts) > 1 else None

    def join(self, separator: str) -> str:
        """The names with ``separator`` between them, as they are: one folder's only where no name holds the separator."""
        return separator.join(self.parts)

    def display(self) -> str:
        """For people: names joined by ``/``, safe for a terminal and a report. Two folders may look alike in it."""
        return printable(self.join("/"))

    def to_json(self) -> str:
        """The form kept in a mailbox's catalogue: a JSON array, so that any character may be in a name."""
        return json.dumps(self.parts, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "FolderPath":
        return cls(tuple(json.loads(text)))

    def __str__(self) -> str:
        return self.display()


INBOX = FolderPath(("INBOX",))
