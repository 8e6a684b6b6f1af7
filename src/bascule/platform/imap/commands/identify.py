"""ID: RFC 2971. What the client says of itself is logged; it changes nothing."""

from typing import TYPE_CHECKING

from bascule import __version__
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.requests import Arguments, BadRequest, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


PAIRS = 30


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    value = arguments.take("a list")
    arguments.end()
    if isinstance(value, list):
        if len(value) > 2 * PAIRS or len(value) % 2 or not all(v is None or isinstance(v, bytes) for v in value):
            raise BadRequest("ID's list has pairs of strings")
        told = [(v or b"").decode("utf-8", "replace")[:200] for v in value]
        session.services.log(
            "client", **dict(zip((f"client_{name.lower()}" for name in told[::2]), told[1::2], strict=True))
        )
    yield b'* ID ("name" "Bascule" "version" "%b")\r\n' % __version__.encode()
    return Done("ID completed")
