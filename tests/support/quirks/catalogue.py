"""Every quirk by its name."""

from collections.abc import Iterator

from support.quirks import connections, keeping, names, opening, reading, refusing
from support.quirks.quirk import Quirk


def _below(kind: type[Quirk]) -> Iterator[type[Quirk]]:
    for quirk in kind.__subclasses__():
        yield quirk
        yield from _below(quirk)


ROOMS = (connections, names, opening, reading, keeping, refusing)
_OURS = {room.__name__ for room in ROOMS}
QUIRKS = {quirk.__name__: quirk for quirk in _below(Quirk) if quirk.__module__ in _OURS and quirk.__name__[0] != "_"}
