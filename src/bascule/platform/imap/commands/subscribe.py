"""SUBSCRIBE and UNSUBSCRIBE: RFC 9051 §6.3.7, §6.3.8. A name that no mailbox has may be subscribed to,
and what is subscribed to in other people's mailboxes is kept in one's own."""

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
    folders = session.own.box.folders
    with session.own.lock:
        folders.subscribe(path.join("/"), folders.find(path), wanted=request.name == "SUBSCRIBE")
    return Done(f"{request.name} completed")
