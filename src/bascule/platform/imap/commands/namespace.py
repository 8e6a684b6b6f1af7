"""NAMESPACE: RFC 9051 §6.3.10"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.answers import string
from bascule.protocols.imap.names import encode_name
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    Arguments(request).end()
    others = string(encode_name(f"{session.services.others}/", utf8=session.utf8), utf8=session.utf8)
    yield b'* NAMESPACE (("" "/")) ((%b "/")) NIL\r\n' % others
    return Done("NAMESPACE completed")
