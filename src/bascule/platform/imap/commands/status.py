"""STATUS: RFC 9051 §6.3.11; RFC 7162 §3.1.7, RFC 8438, RFC 8474 §4.3, RFC 7889 §4"""

from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveFolder
from bascule.platform.imap.access import Access
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.status import parse_status

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def mailbox_id(folder: LiveFolder) -> bytes:
    """A rename keeps it; no other mailbox of the account ever has it (RFC 8474 §4): a folder's row is never used again."""
    return b"F%d-%d" % (folder.id, folder.uidvalidity)


def run(session: "Session", request: Request) -> Answer:
    asked = parse_status(Arguments(request))
    place = session.place_of(asked.name)
    with place.access.lock:
        folder = place.find("r")
        line = response(session, place.access, folder, asked.items)
    if "HIGHESTMODSEQ" in asked.items:  # RFC 7162 §3.1: a command that enables
        yield from session.enable_condstore()
    yield line
    return Done("STATUS completed")


def response(session: "Session", access: Access, folder: LiveFolder, items: tuple[str, ...]) -> bytes:
    """The mailbox's lock is held."""
    values = {
        "MESSAGES": folder.messages,
        "RECENT": 0 if access.reader else max(0, folder.uidnext - folder.recent_uid),
        "UIDNEXT": folder.uidnext,
        "UIDVALIDITY": folder.uidvalidity,
        "UNSEEN": access.box.reading.unseen(folder) if "UNSEEN" in items else 0,
        "DELETED": folder.deleted,
        "SIZE": folder.octets,
        "HIGHESTMODSEQ": folder.modseq,
        "APPENDLIMIT": session.services.append_limit,
        "DELETED-STORAGE": 0,
    }
    told = [
        b"MAILBOXID (%b)" % mailbox_id(folder) if item == "MAILBOXID" else b"%b %d" % (item.encode(), values[item])
        for item in items
    ]
    return b"* STATUS " + session.name_of(access.full(folder.path)) + b" (" + b" ".join(told) + b")\r\n"
