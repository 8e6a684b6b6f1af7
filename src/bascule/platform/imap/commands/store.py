"""STORE: RFC 9051 §6.4.6; UNCHANGEDSINCE and MODIFIED, RFC 7162 §3.1.3"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bascule.mailbox.live.flagging import Flagged
from bascule.platform.imap.access import allowed
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.flag_lines import flag_lines
from bascule.platform.imap.limits import STORED_AT_ONCE
from bascule.platform.imap.replies import Done, No
from bascule.platform.imap.view import groups
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.arguments import FLAGS_OF_A_MESSAGE
from bascule.protocols.imap.requests.store import How, Store, parse_store
from bascule.protocols.imap.rights import Rights
from bascule.protocols.imap.sequence import Range, format_set
from bascule.terms.flags import Flags, keywords_of, normalise_flags

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
    places = session.places_of(asked.messages, uid=request.uid)
    change = _change(asked.how, allowed(view.rights, asked.flags), view.rights)
    refused: list[int] = []
    for group in groups(places, STORED_AT_ONCE):
        with session.lock:
            ranges = [(view.uids[first], view.uids[last]) for first, last in group]
            view.look()
            listed = view.has_news or (asked.silent and session.tells_modseqs)
            done = session.box.messages.flag(view.folder, ranges, change, asked.unchanged_since, listed=listed)
            told = b"".join(_told(session, asked, group, done))
            view.answer(done)
            news = view.keyword_news()
        if done.modseq:
            session.changed(view.access)
        refused += done.refused
        yield news + told
    if refused:
        numbers = refused if request.uid else [view.number_of(uid) for uid in refused]
        return Done("STORE completed for some", b"MODIFIED " + format_set(numbers))
    return Done("STORE completed")


def _change(how: How, flags: Flags, rights: Rights) -> Callable[[Flags], Flags]:
    """Keywords compare without case: the spelling that a message has already stays. A flag that the session has no right to stays as it is."""
    folded = {name.lower() for name in flags}
    match how:
        case How.REPLACE:
            return lambda old: flags | (old - allowed(rights, old))
        case How.ADD:
            return lambda old: _added(old, flags)
        case How.REMOVE:
            return lambda old: frozenset(name for name in old if name.lower() not in folded)


def _added(old: Flags, flags: Flags) -> Flags:
    """Raises No where these would be more keywords than any message may have, by however many commands."""
    now = normalise_flags([*sorted(old), *sorted(flags)])
    if len(keywords_of(now)) > max(FLAGS_OF_A_MESSAGE, len(keywords_of(old))):
        raise No(f"a message has at most {FLAGS_OF_A_MESSAGE} keywords", "LIMIT")
    return now


def _told(session: "Session", asked: Store, group: list[Range], done: Flagged) -> Iterator[bytes]:
    """The new flags of every message named; with .SILENT, only the new MODSEQ of those that changed, where the client hears of it."""
    view, modseqs = session.selected, session.tells_modseqs
    if asked.silent:
        if modseqs and done.changed:
            numbers = view.numbers_of(done.changed)
            tail = f"MODSEQ ({done.modseq}))\r\n"
            lines = [f"* {n} FETCH (UID {uid} {tail}" for n, (uid, _) in zip(numbers, done.changed, strict=True)]
            yield "".join(lines).encode("ascii")
        return
    refused = set(done.refused)
    for first, last in group:
        rows = session.box.reading.flagsets(view.folder, view.uids[first], view.uids[last], limit=-1)
        if refused or len(rows) != last - first + 1:
            rows = [row for row in rows if row[0] not in refused and view.number_of(row[0])]
        if rows:
            yield flag_lines(view, view.numbers_of(rows), rows, rev2=session.rev2, modseqs=modseqs)
