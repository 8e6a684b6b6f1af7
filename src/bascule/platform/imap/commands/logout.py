"""LOGOUT: RFC 9051 §6.1.3"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.platform.imap.states import State
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    Arguments(request).end()
    session.deselect()
    session.state = State.ENDED
    yield b"* BYE goodbye\r\n"
    return Done("LOGOUT completed")
