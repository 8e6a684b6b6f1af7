"""STARTTLS: RFC 9051 §6.2.1. The shell starts TLS once this reply has left, and throws away whatever came before it."""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Bad, Done
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    Arguments(request).end()
    yield from ()
    if session.connection.encrypted:
        raise Bad("TLS is there already")
    if not session.connection.can_encrypt:
        raise Bad("this server has no certificate")
    session.connection.wants_tls = True
    return Done("begin TLS now")
