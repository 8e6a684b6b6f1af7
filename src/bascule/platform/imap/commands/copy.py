"""COPY and MOVE: RFC 9051 §6.4.7, §6.4.8; COPYUID, RFC 4315 §3"""

import contextlib
from array import array
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from bascule.mailbox.live import Arriving, FolderGone, KeptBody, LiveFolder, LiveRow, Placed
from bascule.platform.imap.access import Access, Place, allowed
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.quota import require_room
from bascule.platform.imap.limits import COPIED_AT_ONCE, COPIED_AT_ONCE_OCTETS
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.sequence import format_set, to_ranges
from bascule.terms.instant import InternalDate

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    place, rows, placed = yield from _carry(session, request, moves=False)
    session.changed(place.access)
    return Done("COPY completed", _copied(rows, placed) if placed.uids else b"")


def move(session: "Session", request: Request) -> Answer:
    """COPYUID is told before the EXPUNGEs (RFC 9051 §6.4.8)."""
    if session.selected.read_only:
        raise No("the mailbox is open read-only")
    if not session.selected.rights >= {"t", "e"}:  # RFC 6851 §4.1
        raise No("you have no right to take messages away there; copy them", "NOPERM")
    place, rows, placed = yield from _carry(session, request, moves=True)
    for access in (session.selected.access, place.access):
        session.changed(access)
    if placed.uids:
        yield b"* OK [" + _copied(rows, placed) + b"] moved\r\n"
    if rows:
        yield from session.news()
    return Done("MOVE completed")


_Carried = tuple[Place, list[LiveRow], Placed]


def _carry(session: "Session", request: Request, *, moves: bool) -> Generator[bytes, None, _Carried]:
    arguments = Arguments(request)
    messages = arguments.messages()
    place = session.place_of(arguments.string("a mailbox name"))
    arguments.end()
    uids = session.uids_of(messages, uid=request.uid)
    with _locked(session.selected.access, place.access):
        target = place.find("i", missing="TRYCREATE")
        rows = _rows(session, uids, uid=request.uid)
        if not rows:
            return place, rows, Placed(target.uidvalidity, [], 0)
        rights = place.access.rights_on(target.id)
        within = session.selected.access.owner.id == place.access.owner.id and rights >= {"s", "w", "t"}
        if within:
            return place, rows, _within(session, rows, place.access, target, moves=moves)
    return place, rows, (yield from _across(session, rows, place.access, target, moves=moves))


@contextlib.contextmanager
def _locked(one: Access, other: Access) -> Iterator[None]:
    """Both mailboxes, in an order that all sessions share: nobody waits for each other."""
    first, second = sorted((one, other), key=lambda access: access.owner.id)
    with first.lock, second.lock:
        yield


def _rows(session: "Session", uids: "array[int]", *, uid: bool) -> list[LiveRow]:
    view = session.selected
    view.look()
    if not uid and any(view.is_vanished(each) for each in uids):
        raise No("some of those messages were expunged a moment ago", "EXPUNGEISSUED")
    there = {each for each in uids if not view.is_vanished(each)}
    return [
        row
        for low, high in to_ranges(there)
        for row in session.box.reading.rows(view.folder, low, high, limit=high - low + 1)
    ]


def _within(session: "Session", rows: list[LiveRow], access: Access, target: LiveFolder, *, moves: bool) -> Placed:
    """In one mailbox the octets stay where they are."""
    view, box = session.selected, session.box
    identities = _ids(rows)
    if moves:
        return box.messages.move(view.folder, identities, target.id, session.now())
    require_room(access, sum(row.octets for row in rows))
    return box.messages.copy(identities, target.id)


def _across(
    session: "Session", rows: list[LiveRow], access: Access, target: LiveFolder, *, moves: bool
) -> Generator[bytes, None, Placed]:
    """Into another's mailbox, or with other flags: written there first, some messages at a time, between which others have both mailboxes, and the thread. Where it
    can't go on, or its client has left, what was written goes again (RFC 9051 §6.4.7). A crash in between leaves copies without an answer, and a moved message in both."""
    placed = Placed(target.uidvalidity, [], 0)
    left = sum(row.octets for row in rows)
    try:
        for some in _groups(rows):
            with session.selected.access.lock:
                group = _read(session, some)
            done = _written(group, left, access, target)
            placed = replace(done, uids=[*placed.uids, *done.uids])
            left -= sum(row.octets for row in some)
            yield b""
    except BaseException:
        if placed.uids:
            with access.lock, contextlib.suppress(FolderGone):
                _take_back(session, placed.uids, access, target)
            session.changed(access)
        raise
    if not moves:
        return replace(placed, rows=_ids(rows))
    with _locked(session.selected.access, access):
        return _taken_away(session, rows, placed, access, target)


def _written(group: list[Arriving], octets: int, access: Access, target: LiveFolder) -> Placed:
    """``octets``: for which there is to be room. Raises No, and what `LiveMessages.append` raises."""
    with access.lock:
        require_room(access, octets)
        rights = access.rights_on(target.id)
        if "i" not in rights:
            raise No("the right to add messages there was taken back meanwhile; nothing was copied", "NOPERM")
        wanted = [replace(new, flags=allowed(rights, new.flags)) for new in group]
        try:
            return access.box.messages.append(target.id, wanted)
        except FolderGone as error:
            raise No("that mailbox was deleted meanwhile; make it first", "TRYCREATE") from error


def _groups(rows: list[LiveRow]) -> Iterator[list[LiveRow]]:
    """Up to `COPIED_AT_ONCE` of them and `COPIED_AT_ONCE_OCTETS`, or one that is larger."""
    some: list[LiveRow] = []
    octets = 0
    for row in rows:
        if some and (len(some) == COPIED_AT_ONCE or octets + row.octets > COPIED_AT_ONCE_OCTETS):
            yield some
            some, octets = [], 0
        some.append(row)
        octets += row.octets
    yield some


def _read(session: "Session", rows: list[LiveRow]) -> list[Arriving]:
    """All of these in memory. The lock of their mailbox is held. Raises MailboxError."""
    box, group = session.box, []
    for row in rows:
        body = KeptBody(box.mailbox, row.body)
        body.hold()
        date = InternalDate(row.date_utc, row.zone_minutes)
        group.append(Arriving(body, box.reading.flags(row.flagset), date))
    return group


def _taken_away(session: "Session", rows: list[LiveRow], placed: Placed, access: Access, target: LiveFolder) -> Placed:
    """The originals go. What another session took meanwhile is theirs: its copy goes again, and is not among what is returned. Where the originals can't go,
    the copies do: no message is to be in both (RFC 6851 §3.3). Raises what expunging raises; No where the copies stay, too."""
    folder, messages = session.selected.folder, session.box.messages
    pairs = list(zip(_ids(rows), placed.uids, strict=True))
    try:
        ours = set(messages.expunge(folder, _ids(rows), session.now()))
    except Exception as error:
        try:
            there = set(messages.there(folder, _ids(rows)))
            _take_back(session, [uid for row, uid in pairs if row in there], access, target)
        except Exception:  # noqa: BLE001 - whatever it was, the copies stay
            session.changed(access)
            raise No(
                "they were copied, and can't be taken away here now; expunge them, and move them no second time"
            ) from error
        raise
    _take_back(session, [uid for row, uid in pairs if row not in ours], access, target)
    kept = [(row, uid) for row, uid in pairs if row in ours]
    return replace(placed, rows=tuple(row for row, _ in kept), uids=[uid for _, uid in kept])


def _take_back(session: "Session", uids: list[int], access: Access, target: LiveFolder) -> None:
    """Copies that were just written go again."""
    if uids:
        reading = access.box.reading
        there = [
            row.id for low, high in to_ranges(uids) for row in reading.rows(target.id, low, high, limit=high - low + 1)
        ]
        access.box.messages.expunge(target.id, there, session.now())


def _ids(rows: list[LiveRow]) -> tuple[int, ...]:
    return tuple(row.id for row in rows)


def _copied(rows: list[LiveRow], placed: Placed) -> bytes:
    uids = dict(zip(_ids(rows), (row.uid for row in rows), strict=True))
    sources = format_set(uids[row] for row in placed.rows)
    return b"COPYUID %d %b %b" % (placed.uidvalidity, sources, format_set(placed.uids))
