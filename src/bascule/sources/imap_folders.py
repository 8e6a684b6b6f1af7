"""From the replies to LIST to the folders of a source, each with a path of its own."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bascule.protocols.imap.responses import Listing, Namespace
from bascule.sources.contract import SourceFolder
from bascule.sources.paths import Spelling, tell_apart
from bascule.terms.folder import SpecialUse, is_inbox_name

INBOX_NAME = b"INBOX"


@dataclass(frozen=True, slots=True)
class NameForm:
    """How this connection writes mailbox names: modified UTF-7, or UTF-8 once that is enabled."""

    decode: Callable[[bytes], str]
    encode: Callable[[str], bytes]


def folders_of(
    listings: Iterable[Listing], namespace: Namespace, form: NameForm, subscribed: frozenset[bytes] = frozenset()
) -> list[SourceFolder]:
    """The person's own folders; not those that other people share, or all (RFC 2342 §3): these are moved from where they are at home, once.

    Every selectable entry becomes one folder, however servers write it; the same entry twice is one.
    """
    entries = [entry for entry in _each_once(listings) if namespace.is_personal(entry.name)]
    spelt = [(spelling, entry) for entry in entries if (spelling := _spelling(entry, namespace, form)) is not None]
    places = tell_apart([spelling for spelling, _ in spelt])
    return [
        SourceFolder(
            places[spelling].path,
            entry.name,
            SpecialUse.among(entry.attributes),
            entry.has("\\Subscribed") or entry.name in subscribed,
            not spelling.leads_only,
            places[spelling].told_apart,
        )
        for spelling, entry in spelt
        if spelling in places
    ]


def of_others(listings: Iterable[Listing], namespace: Namespace, form: NameForm) -> list[str]:
    """What `folders_of` leaves out, by name: folders that other people share, or all."""
    entries = (entry for entry in _each_once(listings) if not _leads_only(entry))
    return [form.decode(entry.name) for entry in entries if not namespace.is_personal(entry.name)]


def lists_inbox(listings: Iterable[Listing]) -> bool:
    return any(entry.name.upper() == INBOX_NAME for entry in listings)


def _each_once(listings: Iterable[Listing]) -> list[Listing]:
    """An entry that comes again adds its attributes, but can't make a folder one that holds no messages."""
    found: dict[bytes, Listing] = {}
    for entry in listings:
        known = found.get(entry.name)
        if known is None:
            found[entry.name] = entry
        else:
            either = known.attributes | entry.attributes
            if not (_leads_only(known) and _leads_only(entry)):
                either = frozenset(name for name in either if name.lower() not in _NO_MESSAGES)
            found[entry.name] = replace(known, attributes=either, separator=known.separator or entry.separator)
    return list(found.values())


_NO_MESSAGES = frozenset({"\\noselect", "\\nonexistent"})  # RFC 9051 §7.3.1


def _leads_only(entry: Listing) -> bool:
    return any(name.lower() in _NO_MESSAGES for name in entry.attributes)


def _spelling(entry: Listing, namespace: Namespace, form: NameForm) -> Spelling | None:
    """None for what is no folder: an empty name, which no command can open, and the root of a namespace."""
    home = _home(entry.name, namespace)
    pieces = _pieces(entry.name[len(home) :], entry.separator)
    if home and (not pieces or is_inbox_name(form.decode(pieces[0]))):
        if not pieces and _leads_only(entry):
            return None
        # ``INBOX.Inbox`` lies in INBOX and is not INBOX, though the namespace's prefix stands before every folder of people's.
        home, pieces = b"", _pieces(entry.name, entry.separator)
    if not pieces:
        if not entry.name or _leads_only(entry):
            return None
        pieces = [entry.name]  # nothing but separators
    bare = [_bare(piece, entry.separator) for piece in pieces]
    names = tuple(form.decode(name) for name in bare)
    regular = [_regular(name, level, entry.separator, form) for level, name in enumerate(names)]
    odd = sum(piece != expected for piece, expected in zip(pieces, regular, strict=True))
    pieces[0] = home + pieces[0]
    return Spelling(tuple(pieces), names, odd, _leads_only(entry))


def _home(name: bytes, namespace: Namespace) -> bytes:
    """What a personal namespace puts before the names of all that lies in it (``INBOX.``), and what is no folder of people's.

    That of the first namespace, where folders are made (RFC 2342 §5), and ``INBOX`` wherever it stands. Another namespace's prefix (``Archive/``)
    is the name by which people find what lies there.
    """
    prefixes = [
        prefix
        for number, (prefix, separator) in enumerate(namespace.personal)
        if number == 0 or prefix.upper() == INBOX_NAME + (separator or "").encode()
    ]
    return max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=b"")


def _pieces(raw: bytes, separator: str | None) -> list[bytes]:
    """One for each level, with the separators before it, and after the last; joined they are ``raw`` again. Empty names are none.

    The raw name is cut, not the decoded one, in which an encoded ``/`` (``&AC8-``) would be a separator.
    """
    if not separator:
        return [raw] if raw else []
    if not raw.replace(separator.encode(), b""):
        return []
    mark = re.escape(separator.encode())
    return re.findall(rb"(?:%b)*(?:(?!%b).)+(?:(?:%b)+\Z)?" % (mark, mark, mark), raw, re.DOTALL)


def _bare(piece: bytes, separator: str | None) -> bytes:
    return piece.strip(separator.encode()) or piece if separator else piece


def _regular(name: str, level: int, separator: str | None, form: NameForm) -> bytes:
    if level == 0:
        return INBOX_NAME if is_inbox_name(name) else form.encode(name)
    return (separator or "").encode() + form.encode(name)
