r"""Flags of a message: system flags (``\Seen``) and keywords (``$Forwarded``), as one frozen set of names.

Always true of a normalised set: system flags are spelt as RFC 9051 §2.3.2 spells them, ``\Recent`` is absent (it is a
property of a session, RFC 3501 §2.3.2), no two keywords differ only in case (servers compare them without it), and none has a space or a control
character in it: where somebody's file has, it is kept as ``two\x20words``, which can be named and which no protocol will take for a keyword.
"""

from collections.abc import Iterable
from functools import lru_cache

from bascule.terms.printable import printable

Flags = frozenset[str]

_SYSTEM = {name.lower(): name for name in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")}


_REMEMBERED_CHARACTERS = 1000
"""In a set of flags that it is remembered for; others are few, and together would be as large as somebody likes."""


def _normalise(names: tuple[str, ...]) -> Flags:
    kept: dict[str, str] = {}
    for name in names:
        name = printable(name).replace(" ", "\\x20")
        folded = name.lower()
        if folded == "\\recent" or not name:
            continue
        kept.setdefault(folded, _SYSTEM.get(folded, name))
    return frozenset(kept.values())


_remembered = lru_cache(maxsize=4096)(_normalise)


def normalise_flags(names: Iterable[str]) -> Flags:
    """The flags in ``names`` as a normalised set; of keywords that differ only in case the first is kept."""
    given = tuple(names)
    return _remembered(given) if sum(map(len, given)) <= _REMEMBERED_CHARACTERS else _normalise(given)


def system_flags_of(flags: Flags) -> Flags:
    """The flags that start with a backslash."""
    return frozenset(name for name in flags if name.startswith("\\"))


def keywords_of(flags: Flags) -> Flags:
    """The flags that do not start with a backslash."""
    return frozenset(name for name in flags if not name.startswith("\\"))


def same_flags(one: Flags, other: Flags) -> bool:
    """Whether a server would call both sets equal: keywords compare without case."""
    return one == other or {name.lower() for name in one} == {name.lower() for name in other}


def flags_without(flags: Flags, others: Flags) -> Flags:
    """Those of ``flags`` that a server would not find among ``others``."""
    if flags == others:
        return frozenset()
    folded = {name.lower() for name in others}
    return frozenset(name for name in flags if name.lower() not in folded)
