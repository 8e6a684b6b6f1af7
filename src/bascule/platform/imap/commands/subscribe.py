"""SUBSCRIBE and UNSUBSCRIBE: RFC 9051 §6.3.7, §6.3.8. A name that no mailbox has may be subscribed to."""

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
        session.box.folders.subscribe(
            path.display(), session.box.folders.find(path), wanted=request.name == "SUBSCRIBE"
        )
    return Done(f"{request.name} completed")
