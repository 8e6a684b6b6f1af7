"""COMPRESS=DEFLATE: RFC 4978"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    algorithm = arguments.word("an algorithm")
    arguments.end()
    yield from ()
    if algorithm != "DEFLATE":
        raise No(f"there is no algorithm {algorithm:.40}")
    if session.connection.compressed:
        raise No("the connection is compressed already", "COMPRESSIONACTIVE")
    session.connection.wants_compression = True
    return Done("DEFLATE begins")
