"""What a run tells of the mboxes that it read: what was left out, and where it is doubtful whether a message begins."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bascule.terms.printable import printable

NAMED = 5
"""Places that are told of those that were found."""


@dataclass(slots=True)
class Places:
    """How many there are, and the first of them: the octet (from 0, as ``grep -b`` counts) at which a ``From`` line begins."""

    number: int = 0
    first: list[str] = field(default_factory=list)

    def found(self, file: str, octet: int) -> None:
        self.number += 1
        if len(self.first) < NAMED:
            self.first.append(f"{file} at octet {octet}")

    def add(self, others: "Places") -> None:
        self.number += others.number
        self.first = [*self.first, *others.first][:NAMED]


@dataclass(slots=True)
class Remarks:
    """``expunged``: messages that Thunderbird has deleted. ``bare``: messages that begin with no header field. ``passed``: lines that look like a message's beginning,
    with no empty line before them."""

    expunged: int = 0
    bare: Places = field(default_factory=Places)
    passed: Places = field(default_factory=Places)

    def add(self, others: "Remarks") -> None:
        self.expunged += others.expunged
        self.bare.add(others.bare)
        self.passed.add(others.passed)

    @property
    def sentences(self) -> Sequence[str]:
        return [said for said in (self._of_expunged, self._of_bare, self._of_passed) if said]

    @property
    def _of_expunged(self) -> str:
        if not self.expunged:
            return ""
        which = (
            "1 message that Thunderbird has" if self.expunged == 1 else f"{self.expunged} messages that Thunderbird has"
        )
        return f"{which} deleted or moved elsewhere, and not removed from its file yet, {'was' if self.expunged == 1 else 'were'} left out."

    @property
    def _of_bare(self) -> str:
        which = (
            "1 message of an mbox begins with no header field, and may be text of the message before it"
            if self.bare.number == 1
            else f"{self.bare.number} messages of mboxes begin with no header field, and may be text of the messages before them"
        )
        return _told(which, self.bare)

    @property
    def _of_passed(self) -> str:
        which = (
            "1 line of an mbox looks like the beginning of a message and has no empty line before it, so it was taken as text"
            if self.passed.number == 1
            else f"{self.passed.number} lines of mboxes look like the beginning of a message and have no empty line before them, so they were taken as text"
        )
        return _told(which, self.passed)


def _told(which: str, places: Places) -> str:
    if not places.number:
        return ""
    more = ", …" if places.number > len(places.first) else ""
    return f"{which}: {', '.join(map(printable, places.first))}{more}."
