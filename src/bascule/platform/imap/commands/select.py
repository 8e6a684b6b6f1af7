"""SELECT and EXAMINE: RFC 9051 §6.3.2, §6.3.3; CONDSTORE and QRESYNC, RFC 7162 §3.1.2, §3.2.5; MAILBOXID, RFC 8474 §4.2"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bascule.mailbox.live import Change, LiveFolder
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.status import mailbox_id
from bascule.platform.imap.flag_lines import flag_lines
from bascule.platform.imap.replies import Done
from bascule.platform.imap.states import State
from bascule.platform.imap.view import TOLD_AT_ONCE, View
from bascule.protocols.imap.requests import Arguments, BadRequest, Request
from bascule.protocols.imap.requests.select import Known, parse_select
from bascule.protocols.imap.sequence import Range, format_ranges, is_within, join, to_ranges

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


UNSEEN_LOOKED_FOR = 10_000
"""RFC 3501's [UNSEEN n] is looked for in folders up to this size; IMAP4rev2 has none, and programs search."""
UNSEEN_AMONG = 20_000
"""Rows gone through for it, those included that were expunged and are not purged yet: some 10 ms."""


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
        view = View(place.access, folder, rights, read_only=read_only, takes_recent=not session.rev2)
        lines = list(_told(session, view, folder))
    session.view, session.state = view, State.SELECTED
    yield b"".join(lines)
    if asked.known is not None:
        yield from _resynchronise(session, view, asked.known, folder)
    return Done(f"{request.name} completed", b"READ-ONLY" if read_only else b"READ-WRITE")


def _told(session: "Session", view: View, folder: LiveFolder) -> Iterator[bytes]:
    yield view.keywords_told()
    yield b"* %d EXISTS\r\n" % folder.messages
    if not session.rev2:
        yield b"* %d RECENT\r\n" % view.recent_count()
        if first := _first_unseen(view, folder):
            yield b"* OK [UNSEEN %d] the first that is not seen\r\n" % first
    yield b"* OK [UIDVALIDITY %d] UIDs are valid\r\n" % folder.uidvalidity
    yield b"* OK [UIDNEXT %d] the next UID\r\n" % folder.uidnext
    yield b"* OK [HIGHESTMODSEQ %d] the highest\r\n" % folder.modseq
    yield b"* OK [MAILBOXID (%b)] its name for good\r\n" % mailbox_id(folder)
    if session.rev2:
        yield b'* LIST () "/" %b\r\n' % session.name_of(view.access.full(folder.path))


def _first_unseen(view: View, folder: LiveFolder) -> int:
    """Its sequence number; 0 where there is none, or it is too far to look. Whoever is told none searches (RFC 3501 §6.3.1)."""
    if folder.messages > UNSEEN_LOOKED_FOR or not view.box.reading.unseen(folder):
        return 0
    return view.box.reading.first_unseen(folder, UNSEEN_AMONG)


def _resynchronise(session: "Session", view: View, known: Known, folder: LiveFolder) -> Iterator[bytes]:
    """What happened since the client's MODSEQ: VANISHED first, then FETCH (RFC 7162 §3.2.5.1). The sequence match data
    (§3.2.5.2) would only shorten the answer where expunges were forgotten."""
    if known.uidvalidity != folder.uidvalidity:
        return
    uids = join(known.uids) if known.uids is not None else [(1, folder.uidnext - 1)]
    with session.lock:
        changes = view.box.reading.changes(view.folder, known.modseq)
        view.read_uids()
    gone = vanished_since(view, folder, uids, known.modseq, changes)
    if gone:
        yield b"* VANISHED (EARLIER) " + format_ranges(gone) + b"\r\n"
    is_known = is_within(uids)
    told = [
        (each.uid, each.flagset, each.modseq)
        for each in changes
        if not each.vanished and is_known(each.uid) and view.number_of(each.uid)
    ]
    for start in range(0, len(told), TOLD_AT_ONCE):
        some = told[start : start + TOLD_AT_ONCE]
        with session.lock:
            lines = flag_lines(view, view.numbers_of(some), some, rev2=session.rev2, modseqs=True)
        yield view.keyword_news() + lines


def vanished_since(
    view: View, folder: LiveFolder, uids: list[Range], modseq: int, changes: list[Change]
) -> list[Range]:
    """Of ``uids`` (joined ranges), those that are no longer there; where purges allow it, only those that vanished since ``modseq``, as ``changes``
    says. What still has a number is told by `View.tell`. The mailbox's lock is not needed."""
    if modseq < folder.purged_modseq:
        return list(_gaps(view.uids, uids, view.uidnext - 1))
    is_known = is_within(uids)
    return to_ranges(
        each.uid for each in changes if each.vanished and is_known(each.uid) and not view.number_of(each.uid)
    )


def _gaps(there: Sequence[int], uids: list[Range], last: int) -> Iterator[Range]:
    """Of ``uids``, up to ``last``, those that are not ``there``."""
    for low, high in uids:
        position, end = max(1, low), min(high, last)
        for uid in there[bisect_left(there, position) : bisect_right(there, end)]:
            if uid > position:
                yield position, uid - 1
            position = uid + 1
        if position <= end:
            yield position, end
