"""APPEND: RFC 9051 §6.3.12; MULTIAPPEND, RFC 3502; APPENDUID, RFC 4315 §3"""

from dataclasses import replace
from typing import TYPE_CHECKING

from bascule.mailbox.live import Arriving, FolderGone
from bascule.platform.imap.access import allowed
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.quota import require_room
from bascule.platform.imap.replies import Bad, Done, No
from bascule.platform.spool import Spool, TooMuchAtOnce
from bascule.protocols.imap.receiver import Announcement, Literal
from bascule.protocols.imap.requests import Arguments, BadRequest, Request
from bascule.protocols.imap.requests.append import NewMessage, parse_append
from bascule.protocols.imap.sequence import format_set
from bascule.terms.body import Body, HeldBody
from bascule.terms.instant import InternalDate

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


GO_ON = b"+ go on\r\n"


def run(session: "Session", request: Request) -> Answer:
    if isinstance(request.frame, Announcement):
        _require_place(session, request, request.frame)
        session.connection.asks_for_literal = True
        if request.frame.waits:
            yield GO_ON
        return None
    asked = parse_append(Arguments(request))
    group = [_arriving(session, new) for new in asked.messages]
    yield from ()
    try:
        _require_sizes(session, group)
        place = session.place_of(asked.name)
        with place.access.lock:
            folder = place.find("i", missing="TRYCREATE")
            require_room(place.access, sum(new.body.octets for new in group))
            rights = place.access.rights_on(folder.id)
            wanted = [replace(new, flags=allowed(rights, new.flags)) for new in group]
            placed = place.access.box.messages.append(folder.id, wanted)
    except FolderGone as error:
        raise No("there is no such mailbox; make it first", "TRYCREATE") from error
    finally:
        for new in group:
            new.body.close()
    session.changed(place.access)
    return Done("APPEND completed", b"APPENDUID %d %b" % (placed.uidvalidity, format_set(placed.uids)))


def _require_place(session: "Session", request: Request, announced: Announcement) -> None:
    """The leave to send a message is given once it is known that there is a mailbox that takes it, and room (RFC 9051 §4.3: or it is refused
    before it is sent); one that is sent unasked is kept then, and thrown away otherwise. Another session may be quicker: `run` looks again. Raises No."""
    _require_kept(announced.sink)
    try:
        name = Arguments(request).string("a mailbox name")
    except BadRequest:  # the name itself is the literal, or it can't be read yet: the whole command will tell
        return
    place = session.place_of(name)
    with place.access.lock:
        place.find("i", missing="TRYCREATE")
        require_room(place.access, announced.octets + sum(map(_octets, announced[1::2])))


def _octets(literal: Literal) -> int:
    """Of a literal that came before: another message, or the mailbox's name."""
    return literal.octets if isinstance(literal, Body) else len(literal) if isinstance(literal, bytes) else 0


def _arriving(session: "Session", new: NewMessage) -> Arriving:
    body = new.octets if isinstance(new.octets, Body) else HeldBody(bytes(new.octets))  # type: ignore[arg-type]
    if isinstance(body, Spool) and body.failure is None:
        body.measure()  # not while others wait for the mailbox
    return Arriving(body, new.flags, new.date or InternalDate(session.now()))


def _require_kept(sink: object) -> None:
    """Raises No where it is, or would be, thrown away."""
    if isinstance(sink, Spool) and isinstance(sink.failure, TooMuchAtOnce):
        raise No("too much is on its way to this server at once; nothing was kept. Try again in a while", "LIMIT")
    if isinstance(sink, Spool) and sink.failure is not None:
        raise No("there is no room to take that message now; nothing was kept. Try again in a while", "UNAVAILABLE")


def _require_sizes(session: "Session", group: list[Arriving]) -> None:
    for new in group:
        _require_kept(new.body)
    if any(new.body.octets == 0 for new in group):
        raise Bad("a message without an octet is none")
    if any(new.body.octets > session.services.append_limit for new in group):
        raise No("the message is larger than this server takes", "TOOBIG")
