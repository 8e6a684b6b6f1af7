"""SELECT and EXAMINE: RFC 9051 §6.3.2, §6.3.3; CONDSTORE and QRESYNC, RFC 7162 §3.1.2, §3.2.5; MAILBOXID, RFC 8474 §4.2"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveFolder
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.status import mailbox_id
from bascule.platform.imap.flag_lines import flag_lines
from bascule.platform.imap.replies import Done
from bascule.platform.imap.states import State
from bascule.platform.imap.view import View
from bascule.protocols.imap.requests import Arguments, BadRequest, MessageSet, Request
from bascule.protocols.imap.requests.select import Known, parse_select
from bascule.protocols.imap.sequence import MAX_NUMBER, Range, format_ranges, to_ranges

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


UNSEEN_LOOKED_FOR = 10_000
"""RFC 3501's [UNSEEN n] is looked for in folders up to this size; IMAP4rev2 has none, and programs search."""


def run(session: "Session", request: Request) -> Answer:
    asked = parse_select(Arguments(request))
    if asked.known is not None and "QRESYNC" not in session.enabled:  # RFC 7162 §3.2.5
        raise BadRequest("ENABLE QRESYNC first")
    if session.view is not None:
        session.deselect()
        yield b"* OK [CLOSED] the mailbox that was selected is closed\r\n"
    place = session.place_of(asked.name)
    if asked.condstore:
        session.enabled.add("CONDSTORE")  # HIGHESTMODSEQ is told by any SELECT
    with place.access.lock:
        folder = place.find("r")
        rights = place.access.rights_on(folder.id)
        read_only = request.name == "EXAMINE" or rights.isdisjoint("swite")
        session.view = View(place.access, folder, rights, read_only=read_only, takes_recent=not session.rev2)
        session.state = State.SELECTED
        lines = list(_told(session, session.view, folder))
    yield b"".join(lines)
    if asked.known is not None:
        yield from _resynchronise(session, session.view, asked.known, folder)
    return Done(f"{request.name} completed", b"READ-ONLY" if read_only else b"READ-WRITE")


def _told(session: "Session", view: View, folder: LiveFolder) -> Iterator[bytes]:
    yield view.keywords_told()
    yield b"* %d EXISTS\r\n" % folder.messages
    if not session.rev2:
        yield b"* %d RECENT\r\n" % view.recent_count()
        if folder.messages <= UNSEEN_LOOKED_FOR and view.box.reading.unseen(folder):
            yield b"* OK [UNSEEN %d] the first that is not seen\r\n" % _first_unseen(view)
    yield b"* OK [UIDVALIDITY %d] UIDs are valid\r\n" % folder.uidvalidity
    yield b"* OK [UIDNEXT %d] the next UID\r\n" % folder.uidnext
    yield b"* OK [HIGHESTMODSEQ %d] the highest\r\n" % folder.modseq
    yield b"* OK [MAILBOXID (%b)] its name for good\r\n" % mailbox_id(folder)
    if session.rev2:
        yield b'* LIST () "/" %b\r\n' % session.name_of(view.access.full(folder.path))


def _first_unseen(view: View) -> int:
    rows = view.box.reading.rows(view.folder, 1, MAX_NUMBER, limit=UNSEEN_LOOKED_FOR * 2)
    there = set(view.uids)
    uid = next(r.uid for r in rows if r.uid in there and "\\Seen" not in view.box.reading.flags(r.flagset))
    return view.number_of(uid)


def _resynchronise(session: "Session", view: View, known: Known, folder: LiveFolder) -> Iterator[bytes]:
    """What happened since the client's MODSEQ: VANISHED first, then FETCH (RFC 7162 §3.2.5.1). The sequence match data
    (§3.2.5.2) would only shorten the answer where expunges were forgotten."""
    if known.uidvalidity != folder.uidvalidity:
        return
    with session.lock:
        uids = list(known.uids) if known.uids is not None else [(1, max(1, folder.uidnext - 1))]
        gone = vanished_since(view, folder, uids, known.modseq)
        lines = [b"* VANISHED (EARLIER) " + format_ranges(gone) + b"\r\n"] if gone else []
        for low, high in uids:
            rows = view.box.reading.rows(
                view.folder, low, high, limit=len(view.uids) * 2 + 1000, modseq_above=known.modseq
            )
            told = [(row.uid, row.flagset, row.modseq) for row in rows if view.number_of(row.uid)]
            if told:
                lines.append(flag_lines(view, view.numbers_of(told), told, rev2=session.rev2, modseqs=True))
    yield view.keyword_news() + b"".join(lines)


def vanished_since(view: View, folder: LiveFolder, uids: list[Range], modseq: int) -> list[Range]:
    """Of ``uids``, those that are no longer there; where purges allow it, only those that vanished since ``modseq``."""
    if modseq < folder.purged_modseq:
        missing: list[Range] = []
        for low, high in uids:
            position = low
            for first, last in view.places(MessageSet(((low, high),)), uid=True):
                for uid in view.uids[first : last + 1]:
                    if uid > position:
                        missing.append((position, uid - 1))
                    position = uid + 1
            if position <= min(high, folder.uidnext - 1):
                missing.append((position, min(high, folder.uidnext - 1)))
        return missing
    changes = view.box.reading.changes(view.folder, modseq)
    gone = [c.uid for c in changes if c.vanished and any(low <= c.uid <= high for low, high in uids)]
    return to_ranges(gone)
