"""DELETE: RFC 9051 §6.3.5"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    path = session.path_of(arguments.string("a mailbox name"))
    arguments.end()
    yield from ()
    with session.mailbox.lock:
        folder = session.box.folders.find(path)
        session.box.folders.delete(path, session.now())
    if session.view is not None and folder is not None and session.view.folder == folder.id:
        session.deselect()
        yield b"* OK [CLOSED] the mailbox was deleted\r\n"
    session.changed()
    return Done("DELETE completed")
