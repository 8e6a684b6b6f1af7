"""NOOP and CHECK: RFC 9051 §6.1.2, RFC 3501 §6.4.1. All that is to be told is told after any command; all that is kept is on disk already."""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    Arguments(request).end()
    yield from ()
    return Done(f"{request.name} completed")
