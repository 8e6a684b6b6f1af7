"""LIST and LSUB: RFC 9051 §6.3.9; RFC 5258, RFC 5819, RFC 6154; LSUB, RFC 3501 §6.3.9"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveFolder
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.status import response as status_response
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.names import decode_name
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.list import List, parse_list
from bascule.terms.folder import FolderPath

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


@dataclass(frozen=True, slots=True)
class _Name:
    """One that may be listed; ``folder`` None: not there, but above one that is, or subscribed to."""

    path: FolderPath
    folder: LiveFolder | None
    subscribed: bool
    has_children: bool


def run(session: "Session", request: Request) -> Answer:
    asked = parse_list(Arguments(request))
    if not asked.extended and asked.patterns == (b"",):  # RFC 9051 §6.3.9: the separator is asked for
        yield b'* LIST (\\Noselect) "/" ""\r\n'
        return Done("LIST completed")
    with session.mailbox.lock:
        names = _names(session)
        lines = list(_lines(session, asked, names))
    yield b"".join(lines)
    return Done("LIST completed")


def _names(session: "Session") -> list[_Name]:
    folders = session.box.folders.all()
    parents = {folder.path.parts[:depth] for folder in folders for depth in range(1, len(folder.path.parts))}
    names = [_Name(folder.path, folder, folder.subscribed, folder.path.parts in parents) for folder in folders]
    there = {folder.path.parts for folder in folders}
    subscribed = {tuple(name.split("/")) for name in session.box.folders.other_subscriptions()} - there
    names += [
        _Name(FolderPath(missing), None, missing in subscribed, missing in parents)
        for missing in subscribed | (parents - there)
    ]
    return sorted(names, key=lambda name: (not name.path.is_inbox, name.path))


def _pattern(session: "Session", reference: bytes, pattern: bytes) -> re.Pattern[str]:
    r"""``%`` is anything but the separator, ``*`` anything."""
    name = decode_name(reference + pattern, utf8=session.utf8)
    pieces = [
        {"*": ".*", "%": "[^/]*"}.get(piece, re.escape(piece))
        for piece in re.split(r"([*%])", re.sub(r"\*[*%]+|%+\*", "*", name))
    ]
    first = re.match(r"inbox(?=/|$)", name, re.IGNORECASE)
    if first:
        pieces[0] = "INBOX" + re.escape(re.split(r"[*%]", name)[0][5:])
    return re.compile("".join(pieces), re.DOTALL)


def _fits_pattern(pattern: re.Pattern[str], path: FolderPath) -> bool:
    """INBOX is itself in any spelling (RFC 9051 §5.1)."""
    if path.is_inbox:
        return re.fullmatch(pattern.pattern, "INBOX", re.IGNORECASE | re.DOTALL) is not None
    return pattern.fullmatch(path.display()) is not None


def _lines(session: "Session", asked: List, names: list[_Name]) -> Iterator[bytes]:
    patterns = [_pattern(session, asked.reference, pattern) for pattern in asked.patterns]
    for name in names:
        if not any(_fits_pattern(pattern, name.path) for pattern in patterns):
            continue
        fits = _fits(asked.options, name)
        below = _chosen_below(asked.options, name, names) if "RECURSIVEMATCH" in asked.options else []
        if not fits and not below:
            continue
        yield _line(session, asked, name, below)
        if "STATUS" in asked.returns and name.folder is not None:
            if "HIGHESTMODSEQ" in asked.status:
                session.enabled.add("CONDSTORE")
            yield status_response(session, name.folder, asked.status)


def _fits(options: frozenset[str], name: _Name) -> bool:
    if "SUBSCRIBED" in options and not name.subscribed:
        return False
    if "SPECIAL-USE" in options and (name.folder is None or name.folder.special_use is None):
        return False
    return name.folder is not None or name.has_children or "SUBSCRIBED" in options


def _chosen_below(options: frozenset[str], name: _Name, names: list[_Name]) -> list[str]:
    """What selects ``name`` through those below it (RFC 5258 §3.5, CHILDINFO)."""
    parts = name.path.parts
    below = [other for other in names if len(other.path.parts) > len(parts) and other.path.parts[: len(parts)] == parts]
    return ["SUBSCRIBED"] if "SUBSCRIBED" in options and any(other.subscribed for other in below) else []


def _line(session: "Session", asked: List, name: _Name, below: list[str]) -> bytes:
    attributes = []
    if name.folder is None:
        attributes.append("\\NonExistent" if asked.extended else "\\Noselect")
    attributes.append("\\HasChildren" if name.has_children else "\\HasNoChildren")
    if name.folder is not None and name.folder.special_use is not None:
        attributes.append(name.folder.special_use.value)
    if name.subscribed and ("SUBSCRIBED" in asked.options or "SUBSCRIBED" in asked.returns):
        attributes.append("\\Subscribed")
    info = b' ("CHILDINFO" (%b))' % b" ".join(b'"%b"' % word.encode() for word in below) if below else b""
    return b'* LIST (%b) "/" %b%b\r\n' % (" ".join(attributes).encode(), session.name_of(name.path), info)


def lsub(session: "Session", request: Request) -> Answer:
    r"""What is subscribed to. With ``%``, a name that only leads to one is shown as ``\Noselect``."""
    asked = parse_list(Arguments(request))
    with session.mailbox.lock:
        names = _names(session)
    pattern = _pattern(session, asked.reference, asked.patterns[0])
    told: set[FolderPath] = set()
    for name in names:
        if name.subscribed and _fits_pattern(pattern, name.path):
            told.add(name.path)
            yield b'* LSUB () "/" ' + session.name_of(name.path) + b"\r\n"
    if not asked.patterns[0].endswith(b"%"):
        return Done("LSUB completed")
    for name in names:
        above = name.path.parent
        while name.subscribed and above is not None:
            if above not in told and pattern.fullmatch(above.display()):
                told.add(above)
                yield b'* LSUB (\\Noselect) "/" ' + session.name_of(above) + b"\r\n"
            above = above.parent
    return Done("LSUB completed")
