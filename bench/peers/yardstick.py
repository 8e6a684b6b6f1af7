"""What became of a mailbox, judged by what both sides hold and never by what a peer says of itself.

A message is the same when folder, octets, flags (keywords in any case, RFC 5788 §3) and second of arrival are. What is not the same is
*named* when a line of the output speaks of a fault and says its UID or Message-ID, or says of its whole folder that something failed; a
count is no name.
What a peer does to every mailbox (a header it adds, keywords it drops) is measured once on a server without quirks and is *usual*: a
quirk is laid to its charge only for what comes besides.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from imapclient.imap_utf7 import decode

_FAILED = r"error|fail|can.?t\b|cannot|could not|couldn|unable|refus|denied|invalid|overquota|skipping|ignoring|(?-i:\bNO\b|\bBAD\b)"
FAILURE = re.compile(_FAILED, re.IGNORECASE)
"""What a line must say of a folder to speak of all that is in it."""
TROUBLE = re.compile(rf"{_FAILED}|warn|skip|ignor|missing|lost|differ|duplicate|exceed|too ", re.IGNORECASE)
"""What a line must say of a message."""
CRASH = re.compile(r"Traceback \(most recent call last\)|Panic:|core dumped|Segmentation fault|assertion failed", re.I)
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f]")
_ID = re.compile(rb"^Message-ID:\s*<([^>\r\n]+)>", re.IGNORECASE | re.MULTILINE)


class Outcome(StrEnum):
    """From the best to the worst; a trial is the worst of what happened in it."""

    EXACT = "exact"
    USUAL = "as without the quirk"
    NAMED = "named"
    SECOND = "right at the second run only"
    ERROR = "ends with an error"
    ALTERED = "altered in silence"
    LOST = "lost in silence"
    DOUBLED = "doubled"
    HANGS = "hangs"
    CRASHED = "crashed"
    CHANGED = "old side changed"


@dataclass(frozen=True, slots=True)
class Held:
    """A message as a store holds it. ``folder`` with ``/`` between levels, ``flags`` in small letters without ``\\recent``, ``second`` since
    1970; ``number``: a name for it that stays, whatever its place (0: unknown)."""

    folder: bytes
    octets: bytes
    flags: frozenset[bytes]
    second: int
    uid: int = 0
    number: int = 0

    @property
    def message_id(self) -> bytes:
        found = _ID.search(self.octets)
        return found[1] if found else b""


@dataclass(frozen=True, slots=True)
class Difference:
    """``kinds``: ``lost`` alone, or whichever of ``folder``, ``octets``, ``flags`` and ``date`` are not as on the old side; ``header``: a line of
    header was added, and all else is there."""

    message: Held
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Look:
    """Both sides after a run. ``extra``: messages on the new side that nothing on the old one accounts for."""

    status: int | None
    said: str
    differences: tuple[Difference, ...]
    extra: int
    old_changed: bool = False


@dataclass(frozen=True, slots=True)
class Usual:
    """What a peer does where there is no quirk: by the message's number, and to any message at all."""

    status: int | None = 0
    by_number: dict[int, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, look: Look) -> "Usual":
        return cls(look.status, {each.message.number: each.kinds for each in look.differences})

    def beyond(self, differences: Iterable[Difference]) -> list[Difference]:
        """Those that are worse than usual. A message that the plain mailbox has not may be changed as any other is, and not be lost."""
        anything = frozenset().union(*self.by_number.values()) - {"lost"}
        known = self.by_number
        top = max(known, default=0)
        found = []
        for each in differences:
            number = each.message.number
            allowed = known.get(number, frozenset()) if number <= top else anything
            if not each.kinds <= allowed and "lost" not in allowed:
                found.append(each)
        return found


def compare(
    old: list[Held], new: list[Held], before: Iterable[Held] = (), *, anywhere: bool = False
) -> tuple[tuple[Difference, ...], int]:
    """Each message of the old side is paired with the one of the new side that is most like it; what is left over is extra, unless it was
    there ``before``. ``anywhere``: folders may have other names."""
    pool = list(new)
    found: list[Difference] = []
    left = list(old)
    for likeness in _LIKENESSES:
        left = [message for message in left if not _pair(message, pool, likeness, found, anywhere)]
    rest = _without(pool, before)
    # what neither name nor text tells is taken for another's changed copy, the milder judgement
    changed = min(len(left), len(rest))
    found += [Difference(message, frozenset({"octets"})) for message in left[:changed]]
    found += [Difference(message, frozenset({"lost"})) for message in left[changed:]]
    return tuple(found), len(rest) - changed


Likeness = Callable[[Held, Held], object]
_LIKENESSES: tuple[Likeness, ...] = (
    lambda a, b: a.octets == b.octets and a.folder == b.folder and a.flags == b.flags and a.second == b.second,
    lambda a, b: a.octets == b.octets and a.folder == b.folder,
    lambda a, b: a.octets == b.octets,
    lambda a, b: a.message_id == b.message_id and a.folder == b.folder,
    lambda a, b: a.message_id == b.message_id and a.message_id,
)


def _pair(message: Held, pool: list[Held], likeness: Likeness, found: list[Difference], anywhere: bool) -> bool:
    for place, other in enumerate(pool):
        if likeness(message, other):
            del pool[place]
            adds = _adds_header(message.octets, other.octets)
            kinds = {
                "folder": not anywhere and message.folder != other.folder, "header": adds,
                "octets": message.octets != other.octets and not adds,
                "flags": message.flags != other.flags, "date": message.second != other.second,
            }  # fmt: skip
            differing = frozenset(kind for kind, differs in kinds.items() if differs)
            if differing:
                found.append(Difference(message, differing))
            return True
    return False


def _adds_header(octets: bytes, other: bytes) -> bool:
    (header, gap, body), (others, _, others_body) = octets.partition(b"\r\n\r\n"), other.partition(b"\r\n\r\n")
    if octets == other or not gap or body != others_body:
        return False
    lines = iter(others.split(b"\r\n"))
    return all(line in lines for line in header.split(b"\r\n"))


def _without(pool: list[Held], before: Iterable[Held]) -> list[Held]:
    held = Counter(message.octets for message in before)
    rest = []
    for message in pool:
        if held[message.octets]:
            held[message.octets] -= 1
        else:
            rest.append(message)
    return rest


def unnamed(differences: Iterable[Difference], said: str) -> list[Difference]:
    """Those of which no line of the output speaks."""
    complaints = [line for line in said.splitlines() if TROUBLE.search(line)]
    by_folder: dict[bytes, bool] = {}
    found = []
    for each in differences:
        folder = each.message.folder
        if folder not in by_folder:
            by_folder[folder] = any(_speaks_of_folder(line, folder) for line in complaints)
        if not by_folder[folder] and not any(_speaks_of(line, each.message) for line in complaints):
            found.append(each)
    return found


def _speaks_of(line: str, message: Held) -> bool:
    """By UID, with the folder or as “message 12”; or by Message-ID."""
    ident = message.message_id.decode("latin-1")
    if ident and f"<{ident}>" in line:
        return True
    places = [rf"{re.escape(name)}\W{{1,3}}{message.uid}" for name in _spellings(message.folder)]
    return any(
        re.search(rf"(?<!\w){place}(?!\w)", line)
        for place in (*places, rf"(?i:message|uid|uid fetch|msg)\W{message.uid}")
    )


def _speaks_of_folder(line: str, folder: bytes) -> bool:
    """And not of one message in it, which would be written ``folder/12``."""
    names = "|".join(map(re.escape, _spellings(folder)))
    return bool(FAILURE.search(line) and re.search(rf"(?<![\w/])(?:{names})(?![\w/])", line))


def _spellings(folder: bytes) -> list[str]:
    """As IMAP writes it (RFC 3501 §5.1.3), as people do, and with what is no text escaped, replaced or left out."""
    names = [folder.decode("latin-1")]
    with contextlib.suppress(ValueError):  # a name that is no modified UTF-7 is not read
        names.append(decode(folder))
    escapes: tuple[Callable[[str], str], ...] = (lambda char: f"\\x{ord(char):02x}", lambda char: "?", lambda char: "")
    names += [_NO_TEXT.sub(lambda found, escape=escape: escape(found[0]), name) for name in names for escape in escapes]  # type: ignore[misc]
    return [name for name in dict.fromkeys(names) if name]


def judge(looks: list[Look], usual: Usual | None = None) -> Outcome:
    """Of one run or several of the same trial, in order."""
    usual = usual or Usual()
    last = looks[-1]
    if any(look.old_changed for look in looks):
        return Outcome.CHANGED
    if any((look.status is not None and look.status < 0) or CRASH.search(look.said) for look in looks):
        return Outcome.CRASHED
    if any(look.status is None for look in looks):
        return Outcome.HANGS
    if any(look.extra > 0 for look in looks):
        return Outcome.DOUBLED
    worse = usual.beyond(last.differences)
    is_well = last.status in (0, usual.status)
    if not worse:
        return _without_harm(looks, usual) if is_well else Outcome.ERROR
    silent = unnamed(worse, "\n".join(look.said for look in looks))
    if not silent:
        return Outcome.NAMED
    if not is_well:
        return Outcome.ERROR
    return Outcome.LOST if any("lost" in each.kinds for each in silent) else Outcome.ALTERED


def _without_harm(looks: list[Look], usual: Usual) -> Outcome:
    if any(look.status not in (0, usual.status) or usual.beyond(look.differences) for look in looks):
        return Outcome.SECOND
    return Outcome.USUAL if looks[-1].differences else Outcome.EXACT
