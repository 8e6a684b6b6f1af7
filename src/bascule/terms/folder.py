"""Where a message lies: a path of folder names, independent of any server's separator or encoding."""

import json
from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True, order=True)
class FolderPath:
    """The names from the root down to a folder. ``INBOX`` at the root is always spelt in capitals (RFC 9051 §5.1)."""

    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.parts or not all(self.parts):
            raise ValueError(f"a folder path needs names that are not empty: {self.parts!r}")
        if self.parts[0].upper() == "INBOX" and self.parts[0] != "INBOX":
            object.__setattr__(self, "parts", ("INBOX", *self.parts[1:]))

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

    def display(self) -> str:
        """For people: names joined by ``/``."""
        return "/".join(self.parts)

    def to_json(self) -> str:
        """The form kept in a mailbox's catalogue: a JSON array, so that any character may be in a name."""
        return json.dumps(self.parts, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "FolderPath":
        return cls(tuple(json.loads(text)))

    def __str__(self) -> str:
        return self.display()


INBOX = FolderPath(("INBOX",))
