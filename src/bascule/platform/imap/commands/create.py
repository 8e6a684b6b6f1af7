"""CREATE: RFC 9051 §6.3.4; (USE (…)), RFC 6154 §3; MAILBOXID, RFC 8474 §4.1"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.status import mailbox_id
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, BadRequest, Request
from bascule.protocols.imap.requests.arguments import list_of, word_of
from bascule.protocols.imap.tokens import Value
from bascule.terms.folder import SpecialUse

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    place = session.place_of(arguments.string("a mailbox name"))
    use = _special_use(arguments.list_if() or [])
    arguments.end()
    yield from ()
    with place.access.lock:
        place.require_above()
        place.access.box.folders.require_room()
        made = place.access.box.folders.create(place.path, session.now(), use)
    session.changed(place.access)
    return Done("CREATE completed", b"MAILBOXID (%b)" % mailbox_id(made))


def _special_use(parameters: list[Value]) -> SpecialUse | None:
    if not parameters:
        return None
    if len(parameters) != 2 or word_of(parameters[0], "a parameter") != "USE":
        raise BadRequest("CREATE's parameter is USE")
    names = {word_of(name, "a special use").capitalize() for name in list_of(parameters[1], "USE's argument")}
    if not names:
        return None
    use = SpecialUse.among(frozenset(names))
    if use is None or len(names) > 1 or use in (SpecialUse.ALL, SpecialUse.FLAGGED, SpecialUse.IMPORTANT):
        raise No("no mailbox can be for that here", "USEATTR")
    return use
