"""IDLE: RFC 9051 §6.3.13. The shell waits for news or for DONE, and then gives the tagged reply."""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    Arguments(request).end()
    session.connection.idles = True
    if session.view is not None:
        yield from session.news()
    yield b"+ idling\r\n"
    return None
