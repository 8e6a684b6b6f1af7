"""EXPUNGE, UID EXPUNGE, CLOSE, UNSELECT: RFC 9051 §6.4.3, §6.4.9, §6.4.1, §6.4.2"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    messages = arguments.messages() if request.uid else None
    arguments.end()
    if session.selected.read_only:
        raise No("the mailbox is open read-only")
    if "e" not in session.selected.rights:
        raise No("you have no right to expunge there", "NOPERM")
    named = None if messages is None else set(session.uids_of(messages, uid=True))
    with session.lock:
        count = _expunge(session, named)
    if count:
        session.changed(session.selected.access)
    yield from session.news()
    if session.tells_modseqs and count and session.view is not None:
        return Done("EXPUNGE completed", b"HIGHESTMODSEQ %d" % session.selected.modseq)
    return Done("EXPUNGE completed")


def close(session: "Session", request: Request) -> Answer:
    r"""Without a word: what is ``\Deleted`` goes, unless the mailbox was only examined, or the right is missing."""
    Arguments(request).end()
    yield from ()
    view = session.selected
    with session.lock:
        count = 0 if view.read_only or "e" not in view.rights else _expunge(session, None)
    session.deselect()
    if count:
        session.changed(view.access)
    return Done("CLOSE completed")


def unselect(session: "Session", request: Request) -> Answer:
    Arguments(request).end()
    yield from ()
    session.deselect()
    return Done("UNSELECT completed")


def _expunge(session: "Session", named: set[int] | None) -> int:
    """Expunge what is flagged, of those that this session has a number for, or of these UIDs; how many those were. The mailbox's lock is held."""
    view, box = session.selected, session.box
    folder = box.folders.get(view.folder)
    if folder is None or not folder.deleted:
        return 0
    flagged = box.reading.deleted(view.folder)
    rows = [row for row, uid in flagged if (view.number_of(uid) if named is None else uid in named)]
    return len(box.messages.expunge(view.folder, rows, session.now(), only_flagged=True))
