"""How a target names its folders, as far as it can be told without writing: separator, what stands before every name, what is there already."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bascule.deliver.limits import NAMES_KEPT
from bascule.protocols.imap.responses import Listing, Namespace
from bascule.terms.folder import FolderPath, SpecialUse, is_inbox_name

INBOX = "INBOX"
SHORT_CHARACTERS = 40
"""Of one name, where a target refuses a longer one: an old Courier on a file system with 255 octets a path takes four such levels of CJK."""
_RISKY = re.compile(r'[\x00-\x1f\x7f%*"\\/.~#&(){}]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def same_form(name: str) -> str:
    """Equal for names that differ in Unicode normalisation alone (``é`` in one character or two)."""
    return unicodedata.normalize("NFC", name)


@lru_cache(NAMES_KEPT)
def same_letters(name: str) -> str:
    """Equal for names that differ in capitals, normalisation or blanks at an end: what servers are known to take for one name."""
    return unicodedata.normalize("NFC", same_form(name).casefold()).strip()


@lru_cache(NAMES_KEPT)
def same_core(name: str) -> str:
    """Equal for names of the same letters and digits: what is left where a server puts something else for all the rest."""
    return "".join(c for c in same_letters(name) if c.isalnum())


@dataclass(frozen=True, slots=True)
class TargetNames:
    """``root``: what stands before every name but INBOX's (``INBOX.``, ``Old/``). ``there``: decoded name → its entry, of what holds messages.

    ``below_inbox``: the root is a guess, as no NAMESPACE tells and all lies below INBOX; what lies in the old side's INBOX lies there too, then.
    ``takes_controls``: not where names are in UTF-8 on the wire (RFC 6855 §3, RFC 5198 §2).
    """

    separator: str | None
    root: str
    there: Mapping[str, Listing]
    special: Mapping[SpecialUse, str]
    below_inbox: bool = False
    takes_controls: bool = True

    @property
    def may_lie_below_inbox(self) -> bool:
        """Nothing tells where folders are made: no namespace, no prefix, and none is there beside INBOX."""
        return bool(self.separator) and not self.root and set(self.there) <= {INBOX}

    def is_below_inbox(self, name: str) -> bool:
        return name.startswith(f"{INBOX}{self.separator}")

    def join(self, path: FolderPath) -> str:
        """The name that a path has here, before anybody else's is looked at."""
        separator = self.separator
        parts = path.parts if self.takes_controls else [_CONTROL.sub("_", part) for part in path.parts]
        if not separator:
            return self.root + "_".join(parts)
        root = "" if self.below_inbox and path.parts[0] == INBOX else self.root
        return root + separator.join(part.replace(separator, "_") for part in parts)

    def reason(self, path: FolderPath) -> str:
        """Why `join` can't keep the names; empty where it does."""
        if not self.separator and len(path.parts) > 1:
            return "the target has no folders within folders"
        if self.separator and any(self.separator in part for part in path.parts):
            return f"“{self.separator}” separates folders on the target"
        if not self.takes_controls and any(_CONTROL.search(part) for part in path.parts):
            return "control characters can't stand in a name on the target"
        return ""

    def simpler(self, name: str) -> Iterator[str]:
        """Names to try where the target refuses this one: without characters that servers give a meaning to; with short names."""
        plain = self._each(name, lambda part: _RISKY.sub("_", part))
        yield plain
        yield self._each(plain, lambda part: part[:SHORT_CHARACTERS].rstrip() or part[:SHORT_CHARACTERS])

    def _each(self, name: str, change: Callable[[str], str]) -> str:
        head = self.root if name.startswith(self.root) else ""
        if not self.separator:
            return head + change(name[len(head) :])
        return head + self.separator.join(change(part) for part in name[len(head) :].split(self.separator))


def read_names(
    listings: Sequence[Listing],
    namespace: Namespace | None,
    separator: str | None,
    prefix: str,
    decode: Callable[[bytes], str],
    encode: Callable[[str], bytes],
    *,
    takes_controls: bool = True,
) -> TargetNames:
    """``namespace`` None: the target tells none. ``separator``: that of an empty LIST. ``prefix``: the user's, with or without a separator at its end."""
    personal = namespace.personal[0] if namespace and namespace.personal else None
    if personal and personal[1]:
        separator = personal[1]
    there: dict[str, Listing] = {}
    special: dict[SpecialUse, str] = {}
    for entry in listings:
        if (
            (namespace and not namespace.is_personal(entry.name))
            or entry.has("\\NonExistent")
            or entry.has("\\Noselect")
        ):
            continue
        name = INBOX if is_inbox_name(decode(entry.name)) else decode(entry.name)
        if name not in there or entry.name == encode(name):  # of two spellings of a name, the one that we would write
            there[name] = entry
        use = SpecialUse.among(entry.attributes)
        if use is not None:
            special.setdefault(use, name)
    own = decode(personal[0]) if personal else ""
    guessed = namespace is None and not prefix and _all_below_inbox(there, separator)
    root = f"{INBOX}{separator}" if guessed else _root(prefix, own, separator)
    return TargetNames(separator, root, there, special, guessed, takes_controls)


def _all_below_inbox(there: Collection[str], separator: str | None) -> bool:
    others = [name for name in there if name != INBOX]
    return bool(separator and others) and all(name.startswith(f"{INBOX}{separator}") for name in others)


def _root(prefix: str, own: str, separator: str | None) -> str:
    """``own``: the namespace's. ``Old``, ``Old/`` and ``Old.`` mean the same; a prefix that has the namespace's before it already keeps it once."""
    marks = f"/{separator or ''}"
    parts = [part for part in re.split(f"[{re.escape(marks)}]", prefix.removeprefix(own).rstrip(f"{marks}. ")) if part]
    if parts and separator and own.rstrip(separator).casefold() == parts[0].casefold():
        parts = parts[1:]
    if not parts:
        return own
    between = separator or "_"
    return own + "".join(f"{INBOX if is_inbox_name(part) else part}{between}" for part in parts)


@dataclass(slots=True)
class Numbers:
    """``name (2)``, or the next number that is free; for a name of the same letters that comes again, from the last number on."""

    _last: dict[str, int] = field(default_factory=dict)

    def free(self, name: str, taken: Callable[[str], bool]) -> str:
        letters = same_letters(name)
        number = self._last.get(letters, 1) + 1
        while taken(candidate := f"{name} ({number})"):
            number += 1
        self._last[letters] = number
        return candidate
