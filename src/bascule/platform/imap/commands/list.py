"""LIST and LSUB: RFC 9051 §6.3.9; RFC 5258, RFC 5819, RFC 6154; LSUB, RFC 3501 §6.3.9"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bascule.mailbox.format import MailboxError
from bascule.mailbox.live import LiveFolder
from bascule.platform.imap.access import Access
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.status import response as status_response
from bascule.platform.imap.limits import PATTERN_CHARACTERS
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.names import decode_name
from bascule.protocols.imap.patterns import Patterns, literal_start
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.list import List, parse_list
from bascule.terms.errors import without_advice
from bascule.terms.folder import FolderPath, SpecialUse

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


@dataclass(frozen=True, slots=True)
class _Name:
    """One that may be listed, by its ``path`` among all names; ``folder`` None: not there, but above one that is, or subscribed to."""

    path: FolderPath
    access: Access
    folder: LiveFolder | None
    subscribed: bool
    has_children: bool

    @property
    def special_use(self) -> SpecialUse | None:
        """What it is for, to this session: another's Sent folder is not where one's own sent mail goes."""
        return self.folder.special_use if self.folder and self.access.reader is None else None


class _Wanted:
    """What the patterns stand for. Raises No where they are longer than any names are."""

    def __init__(self, patterns: list[str]) -> None:
        if sum(map(len, patterns)) > PATTERN_CHARACTERS:
            raise No("those patterns are too long", "LIMIT")
        self._starts = [literal_start(pattern) for pattern in patterns]
        self._patterns = Patterns(patterns)
        self._is_inbox_wanted = Patterns([pattern.upper() for pattern in patterns]).fit("INBOX")

    def fits(self, path: FolderPath) -> bool:
        """INBOX is itself in any spelling (RFC 9051 §5.1)."""
        return self._is_inbox_wanted if path.is_inbox else self._patterns.fit(path.join("/"))

    def may_mean(self, start: str) -> bool:
        """Whether it may fit a name that begins with ``start``: their first characters agree."""
        return any(each.startswith(start) or start.startswith(each) for each in self._starts)


def run(session: "Session", request: Request) -> Answer:
    asked = parse_list(Arguments(request))
    if not asked.extended and asked.patterns == (b"",):  # RFC 9051 §6.3.9: the separator is asked for
        yield b'* LIST (\\Noselect) "/" ""\r\n'
        return Done("LIST completed")
    wanted = _Wanted([_pattern(session, asked.reference, pattern) for pattern in asked.patterns])
    lines = list(_lines(session, asked, wanted, _names(session, wanted)))
    yield b"".join(lines)
    return Done("LIST completed")


def _names(session: "Session", wanted: _Wanted) -> list[_Name]:
    """One's own, then those of others; their mailboxes are opened where a pattern may mean them."""
    with session.own.lock:
        folders = [(folder.path, session.own, folder) for folder in session.own.box.folders.all()]
        subscriptions = {tuple(name.split("/")) for name in session.own.box.folders.other_subscriptions()}
    subscriptions |= {path.parts for path, _, folder in folders if folder.subscribed}
    if wanted.may_mean(session.services.others):
        folders += _shared(session)
    there = {path.parts for path, _, _ in folders}
    parents = {path[:depth] for path in there | subscriptions for depth in range(1, len(path))}
    missing = (subscriptions | parents) - there
    names = [
        _Name(path, access, folder, path.parts in subscriptions, path.parts in parents)
        for path, access, folder in folders
    ]
    names += [_Name(FolderPath(each), session.own, None, each in subscriptions, each in parents) for each in missing]
    return sorted(
        names, key=lambda name: (name.path.parts[0] == session.services.others, not name.path.is_inbox, name.path)
    )


def _shared(session: "Session") -> Iterator[tuple[FolderPath, Access, LiveFolder]]:
    for owner in session.shared_with_me():
        try:
            access = session.access_to(owner)
            with access.lock:
                folders = [f for f in access.box.folders.all() if "l" in access.rights_on(f.id)]
        except (MailboxError, sqlite3.Error) as error:  # theirs can't be opened: one's own is listed all the same
            session.services.log("mailbox-error", account=owner.login, error=without_advice(error))
            continue
        yield from ((access.full(folder.path), access, folder) for folder in folders)


def _pattern(session: "Session", reference: bytes, pattern: bytes) -> str:
    name = decode_name(reference + pattern, utf8=session.utf8)
    return "INBOX" + name[5:] if name[:5].upper() == "INBOX" and name[5:6] in ("", "/") else name


def _lines(session: "Session", asked: List, wanted: _Wanted, names: list[_Name]) -> Iterator[bytes]:
    fitting = [name for name in names if wanted.fits(name.path)]
    leading = _above(name for name in fitting if name.folder is not None)
    recursive = {"RECURSIVEMATCH", "SUBSCRIBED"} <= asked.options  # RFC 5258 §3.5, CHILDINFO
    above_subscribed = _above(name for name in names if name.subscribed) if recursive else set()
    above_untold = (
        _above(name for name in names if name.subscribed and not wanted.fits(name.path)) if recursive else set()
    )
    for name in fitting:
        if _only_leads(session, name, leading):
            continue
        below = ["SUBSCRIBED"] if name.path.parts in above_subscribed else []
        if not _fits(asked.options, name) and name.path.parts not in above_untold:  # RFC 9051 §6.3.9.6
            continue
        yield _line(session, asked, name, below)
        if "STATUS" in asked.returns and name.folder is not None:
            if "HIGHESTMODSEQ" in asked.status:
                yield from session.enable_condstore()
            with name.access.lock:
                if "r" in name.access.rights_on(name.folder.id):  # RFC 4314 §4: STATUS takes it
                    yield status_response(session, name.access, name.folder, asked.status)


def _above(names: Iterable[_Name]) -> set[tuple[str, ...]]:
    """All that lies above one of them."""
    return {name.path.parts[:depth] for name in names for depth in range(1, len(name.path.parts))}


def _only_leads(session: "Session", name: _Name, leading: set[tuple[str, ...]]) -> bool:
    """Whether it is a name above other people's folders that are listed themselves. RFC 9051 §6.3.9 asks for such names with ``%`` only,
    and Thunderbird takes the uppermost for a folder, of which it then asks in vain (MYRIGHTS "Other Users/Other Users")."""
    is_nothing = name.folder is None and not name.subscribed and name.path.parts[0] == session.services.others
    return is_nothing and name.path.parts in leading


def _fits(options: frozenset[str], name: _Name) -> bool:
    if "SUBSCRIBED" in options and not name.subscribed:
        return False
    if "SPECIAL-USE" in options and name.special_use is None:
        return False
    return name.folder is not None or name.has_children or "SUBSCRIBED" in options


def _line(session: "Session", asked: List, name: _Name, below: list[str]) -> bytes:
    attributes = []
    if name.folder is None:
        attributes.append("\\NonExistent" if asked.extended else "\\Noselect")
    attributes.append("\\HasChildren" if name.has_children else "\\HasNoChildren")
    if name.special_use is not None:
        attributes.append(name.special_use.value)
    if name.subscribed and ("SUBSCRIBED" in asked.options or "SUBSCRIBED" in asked.returns):
        attributes.append("\\Subscribed")
    info = b' ("CHILDINFO" (%b))' % b" ".join(b'"%b"' % word.encode() for word in below) if below else b""
    return b'* LIST (%b) "/" %b%b\r\n' % (" ".join(attributes).encode(), session.name_of(name.path), info)


def lsub(session: "Session", request: Request) -> Answer:
    r"""What is subscribed to. With ``%``, a name that only leads to one is shown as ``\Noselect``."""
    asked = parse_list(Arguments(request))
    wanted = _Wanted([_pattern(session, asked.reference, asked.patterns[0])])
    names = _names(session, wanted)
    told: set[FolderPath] = set()
    for name in names:
        if name.subscribed and wanted.fits(name.path):
            told.add(name.path)
            yield b'* LSUB () "/" ' + session.name_of(name.path) + b"\r\n"
    if not asked.patterns[0].endswith(b"%"):
        return Done("LSUB completed")
    for name in names:
        above = name.path.parent
        while name.subscribed and above is not None:
            if above not in told and wanted.fits(above):
                told.add(above)
                yield b'* LSUB (\\Noselect) "/" ' + session.name_of(above) + b"\r\n"
            above = above.parent
    return Done("LSUB completed")
