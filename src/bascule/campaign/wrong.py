"""What is wrong with a row of a list: an English sentence with named values, so that a page can say it in its reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bascule.terms.errors import BasculeError, ExitStatus

WRONG_LINE = "wrong-line"
"""The code of a line that is left out: docs/outcomes.md."""


def gettext_noop(sentence: str) -> str:
    """Marks a sentence for the portal's catalogue (`make messages`), under the name that tools of translation look for."""
    return sentence


@dataclass(frozen=True, slots=True)
class RowError:
    """``sentence`` has ``%(name)s`` for each of ``values``. ``who``: what the line says of its address or sign-on name."""

    line: int
    sentence: str
    values: Mapping[str, str] = field(default_factory=dict)
    who: str = ""

    @property
    def what(self) -> str:
        """In English."""
        return self.sentence % self.values


class Wrong(Exception):
    """Of one row, while it is read."""

    def __init__(self, sentence: str, **values: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.values = values

    def at(self, line: int, who: str = "") -> RowError:
        return RowError(line, self.sentence, self.values, who)


class ListRefused(BasculeError):
    """The list as a whole can't be used. ``sentence`` and ``what_to_do`` share ``values``."""

    def __init__(self, sentence: str, what_to_do: str, **values: str) -> None:
        super().__init__(sentence % values, what_to_do % values, ExitStatus.USAGE)
        self.sentence = sentence
        self.what_to_do = what_to_do
        self.values = values
