"""RENAME: RFC 9051 §6.3.6"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    old = session.place_of(arguments.string("a mailbox name"))
    new = session.place_of(arguments.string("a new name"))
    arguments.end()
    yield from ()
    if old.access.owner.id != new.access.owner.id:
        raise No("a folder can't be moved into another mailbox; copy its messages", "CANNOT")
    with old.access.lock:
        if old.access.reader is not None:
            old.find("x")
            new.require_above()
        old.access.box.folders.rename(old.path, new.path, session.now())
    session.changed(old.access)
    return Done("RENAME completed")
