"""COPY and MOVE: RFC 9051 §6.4.7, §6.4.8; COPYUID, RFC 4315 §3"""

from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveRow, Placed
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.quota import require_room
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.sequence import format_set, to_ranges

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    yield from ()
    rows, placed = _place(session, request, moves=False)
    session.changed()
    return Done("COPY completed", _copied(rows, placed) if rows else b"")


def move(session: "Session", request: Request) -> Answer:
    """COPYUID is told before the EXPUNGEs (RFC 9051 §6.4.8)."""
    if session.selected.read_only:
        raise No("the mailbox is open read-only")
    rows, placed = _place(session, request, moves=True)
    session.changed()
    if rows:
        yield b"* OK [" + _copied(rows, placed) + b"] moved\r\n"
        yield from session.news()
    return Done("MOVE completed")


def _place(session: "Session", request: Request, *, moves: bool) -> tuple[list[LiveRow], Placed]:
    arguments = Arguments(request)
    messages = arguments.messages()
    path = session.path_of(arguments.string("a mailbox name"))
    arguments.end()
    view, box = session.selected, session.box
    with session.mailbox.lock:
        target = box.folders.find(path)
        if target is None:
            raise No("there is no such mailbox; make it first", "TRYCREATE")
        uids = view.uids_of(messages, uid=request.uid)
        view.look()
        if not request.uid and any(view.is_vanished(uid) for uid in uids):
            raise No("some of those messages were expunged a moment ago", "EXPUNGEISSUED")
        there = {uid for uid in uids if not view.is_vanished(uid)}
        rows = [
            row
            for low, high in to_ranges(there)
            for row in box.reading.rows(view.folder, low, high, limit=high - low + 1)
        ]
        identities = [row.id for row in rows]
        if not rows:
            return rows, Placed(target.uidvalidity, [], 0)
        if moves:
            return rows, box.messages.move(view.folder, identities, target.id, session.now())[0]
        require_room(session, sum(row.octets for row in rows))
        return rows, box.messages.copy(view.folder, identities, target.id)


def _copied(rows: list[LiveRow], placed: Placed) -> bytes:
    return b"COPYUID %d %b %b" % (placed.uidvalidity, format_set(row.uid for row in rows), format_set(placed.uids))
