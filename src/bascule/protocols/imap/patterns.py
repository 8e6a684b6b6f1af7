"""LIST's patterns: ``*`` stands for anything, ``%`` for anything but the hierarchy separator (RFC 9051 §6.3.9)."""

from collections.abc import Sequence

REMEMBERED_STATES = 1000
"""Of an automaton; more are forgotten between two names."""


class Patterns:
    """Whether a name fits one of ``patterns``, which hold ``separator``.

    All patterns are followed at the same time: a state is the set of places in them that may be reached, as the bits of one number. A name takes one
    step for each of its characters, whatever the patterns are, and a step that was made before is looked up. A regular expression takes, for a
    pattern with several wildcards, a power of the name's length.
    """

    def __init__(self, patterns: Sequence[str], separator: str = "/") -> None:
        self._separator = separator
        self._literals: dict[str, int] = {}
        self._stars = self._percents = self._ends = first = 0
        place = 0
        for pattern in patterns:
            first |= 1 << place
            for piece in _pieces(pattern):
                bit = 1 << place
                if piece == "*":
                    self._stars |= bit
                elif piece == "%":
                    self._percents |= bit
                else:
                    self._literals[piece] = self._literals.get(piece, 0) | bit
                place += 1
            self._ends |= 1 << place
            place += 1
        self._wildcards = self._stars | self._percents
        self._first = self._with_empty_wildcards(first)
        self._forget()

    def _forget(self) -> None:
        self._numbers = {self._first: 0}
        self._states = [self._first]
        self._steps: list[dict[str, int]] = [{}]

    def _with_empty_wildcards(self, state: int) -> int:
        return state | (state & self._wildcards) << 1

    def fit(self, name: str) -> bool:
        if len(self._states) > REMEMBERED_STATES:
            self._forget()
        number = 0
        for character in name:
            following = self._steps[number].get(character)
            number = self._step(number, character) if following is None else following
            if not self._states[number]:
                return False
        return bool(self._states[number] & self._ends)

    def _step(self, number: int, character: str) -> int:
        state = self._states[number]
        stays = self._stars if character == self._separator else self._wildcards
        after = self._with_empty_wildcards((state & stays) | (state & self._literals.get(character, 0)) << 1)
        following = self._numbers.setdefault(after, len(self._states))
        if following == len(self._states):
            self._states.append(after)
            self._steps.append({})
        self._steps[number][character] = following
        return following


def _pieces(pattern: str) -> list[str]:
    """Its characters, with one wildcard for several that follow one another."""
    pieces: list[str] = []
    for character in pattern:
        if character in "*%" and pieces and pieces[-1] in "*%":
            pieces[-1] = "*" if "*" in (character, pieces[-1]) else "%"
        else:
            pieces.append(character)
    return pieces


def literal_start(pattern: str) -> str:
    """What stands before the first wildcard."""
    return pattern[: min((place for place in map(pattern.find, "*%") if place >= 0), default=len(pattern))]
