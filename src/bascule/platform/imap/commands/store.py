"""STORE: RFC 9051 §6.4.6; UNCHANGEDSINCE and MODIFIED, RFC 7162 §3.1.3"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bascule.mailbox.live.messages import Flagged
from bascule.platform.imap.access import allowed
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.store import How, Store, parse_store
from bascule.protocols.imap.rights import Rights
from bascule.protocols.imap.sequence import format_set, to_ranges
from bascule.terms.flags import Flags, normalise_flags

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    asked = parse_store(Arguments(request))
    view = session.selected
    if view.read_only:
        raise No("the mailbox is open read-only")
    if asked.flags and asked.how is not How.REPLACE and not allowed(view.rights, asked.flags):
        raise No("you have no right to set that flag there", "NOPERM")
    if asked.unchanged_since is not None:
        yield from session.enable_condstore()
    with session.lock:
        uids = view.uids_of(asked.messages, uid=request.uid)
        change = _change(asked.how, allowed(view.rights, asked.flags), view.rights)
        done = session.box.messages.set_flags(view.folder, uids, change, asked.unchanged_since)
        view.own.update((uid, done.modseq) for uid, _ in done.changed)
        told = list(_told(session, asked, uids, done))
    if done.changed:
        session.changed(view.access)
    yield view.keyword_news() + b"".join(told)
    if done.refused:
        numbers = done.refused if request.uid else [view.number_of(uid) for uid in done.refused]
        return Done("STORE completed for some", b"MODIFIED " + format_set(numbers))
    return Done("STORE completed")


def _change(how: How, flags: Flags, rights: Rights) -> Callable[[Flags], Flags]:
    """Keywords compare without case: the spelling that a message has already stays. A flag that the session has no right to stays as it is."""
    folded = {name.lower() for name in flags}
    match how:
        case How.REPLACE:
            return lambda old: flags | (old - allowed(rights, old))
        case How.ADD:
            return lambda old: normalise_flags([*sorted(old), *sorted(flags)])
        case How.REMOVE:
            return lambda old: frozenset(name for name in old if name.lower() not in folded)


def _told(session: "Session", asked: Store, uids: Sequence[int], done: Flagged) -> Iterator[bytes]:
    """The new flags of every message named; with .SILENT, only the new MODSEQ of those that changed, where the client hears of it."""
    view = session.selected
    if asked.silent:
        if session.tells_modseqs:
            for uid, _ in done.changed:
                yield b"* %d FETCH (UID %d MODSEQ (%d))\r\n" % (view.number_of(uid), uid, done.modseq)
        return
    wanted = set(uids) - set(done.refused)
    for low, high in to_ranges(wanted):
        for row in session.box.reading.rows(view.folder, low, high, limit=high - low + 1):
            modseq = row.modseq if session.tells_modseqs else None
            yield view.flags_response(view.number_of(row.uid), row.uid, row.flagset, modseq, rev2=session.rev2)
