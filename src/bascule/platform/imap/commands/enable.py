"""ENABLE: RFC 9051 §6.3.1, RFC 5161; CONDSTORE and QRESYNC, RFC 7162 §3.2.3; UTF8=ACCEPT, RFC 6855 §3"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


CAN_BE_ENABLED = ("CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "IMAP4REV2")


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    asked = [arguments.word("a capability")]
    while not arguments.is_empty:
        asked.append(arguments.word("a capability"))
    enabled = [name for name in CAN_BE_ENABLED if name in asked]
    session.enabled.update(name for name in enabled if name != "CONDSTORE")
    names = ["IMAP4rev2" if name == "IMAP4REV2" else name for name in enabled]
    yield " ".join(["* ENABLED", *names]).encode() + b"\r\n"
    if not {"CONDSTORE", "QRESYNC"}.isdisjoint(enabled):
        yield from session.enable_condstore()
    return Done("ENABLE completed")
