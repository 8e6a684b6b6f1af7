"""RENAME: RFC 9051 §6.3.6"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    old = session.path_of(arguments.string("a mailbox name"))
    new = session.path_of(arguments.string("a new name"))
    arguments.end()
    yield from ()
    with session.mailbox.lock:
        session.box.folders.rename(old, new, session.now())
    session.changed()
    return Done("RENAME completed")
