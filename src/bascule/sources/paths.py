"""From what an old platform calls its folders to paths, so that each folder has one of its own."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bascule.terms.folder import FolderPath
from bascule.terms.printable import printable


@dataclass(frozen=True, slots=True)
class Spelling:
    """A folder as the old side spells it, level by level.

    ``pieces``: the old side's own octets; no other folder has the same. ``names``: what people read in them, as many. ``odd``: how many pieces are
    not the regular spelling of their name: of two that would meet, the regular one keeps the plain path. ``leads_only``: it holds no messages.
    """

    pieces: tuple[bytes, ...]
    names: tuple[str, ...]
    odd: int = 0
    leads_only: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """``told_apart``: why the path is not what the folder is called, for people."""

    path: FolderPath
    told_apart: str = ""


def tell_apart(spellings: Collection[Spelling]) -> dict[Spelling, Place]:
    """A path for each folder, and no path twice; only what leads to other folders is left out where it would meet one.

    Depends on the set alone, never on its order. A second folder of a name becomes ``name (2)``, and what lies in it lies there.
    """
    placed: dict[tuple[bytes, ...], Place] = {}
    found: dict[Spelling, Place] = {}
    depths = sorted({len(spelling.pieces) for spelling in spellings})
    for depth in depths:
        above = [each for each in reversed(depths) if each < depth]
        wanted: dict[FolderPath, list[Spelling]] = defaultdict(list)
        for spelling in spellings:
            if len(spelling.pieces) == depth:
                wanted[_plain(spelling, placed, above)].append(spelling)
        for spelling, place in _share_out(wanted):
            placed[spelling.pieces] = found[spelling] = place
    return found


def _plain(spelling: Spelling, placed: dict[tuple[bytes, ...], Place], depths: Sequence[int]) -> FolderPath:
    """Below the folder that it lies in, which may have been told apart; the old side need not list every level. ``depths``: those at which
    there are folders, the deepest first."""
    for depth in depths:
        above = placed.get(spelling.pieces[:depth])
        if above is not None:
            return FolderPath((*above.path.parts, *spelling.names[depth:]))
    return FolderPath(spelling.names)


def _share_out(wanted: dict[FolderPath, list[Spelling]]) -> Iterator[tuple[Spelling, Place]]:
    taken = set(wanted)
    for path in sorted(wanted):
        first, *rest = sorted(wanted[path], key=lambda each: (each.leads_only, each.odd, each.pieces))
        yield first, Place(path)
        given: dict[
            str, int
        ] = {}  # name → the last number: those below are taken, and not looked at for each folder anew
        for number, spelling in enumerate((each for each in rest if not each.leads_only), 2):
            name = spelling.names[-1]
            given[name], own = _numbered(path, name, max(number, given.get(name, 0) + 1), taken)
            taken.add(own)
            yield spelling, Place(own, f"another folder of the old side is called {printable(path.parts[-1])}, too")


def _numbered(path: FolderPath, name: str, number: int, taken: Collection[FolderPath]) -> tuple[int, FolderPath]:
    """The first number from this one on that is free, and the path that has it."""
    while (candidate := FolderPath((*path.parts[:-1], f"{name} ({number})"))) in taken:
        number += 1
    return number, candidate
