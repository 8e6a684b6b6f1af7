"""DELETE: RFC 9051 §6.3.5"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    place = session.place_of(arguments.string("a mailbox name"))
    arguments.end()
    yield from ()
    access = place.access
    with access.lock:
        folder = place.find("x")
        access.box.folders.delete(place.path, session.now())
    if session.view is not None and (session.view.access.owner.id, session.view.folder) == (access.owner.id, folder.id):
        session.deselect()
        yield b"* OK [CLOSED] the mailbox was deleted\r\n"
    session.changed(access)
    return Done("DELETE completed")
