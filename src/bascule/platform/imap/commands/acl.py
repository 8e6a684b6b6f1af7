"""GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS: RFC 4314

# Deviations from RFC 4314: there are no negative rights (§2 lets a server have none), and the owner's rights can't be changed.
"""

from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveFolder
from bascule.platform.imap.access import Place
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done, No
from bascule.platform.sharing import NobodyOfThatName, identifier_of, set_rights
from bascule.protocols.imap.answers import string
from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.requests import Arguments, BadRequest, Request
from bascule.protocols.imap.rights import ALL, RIGHTS, How, Rights, changed, format_rights, parse_rights

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def get(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    place = session.place_of(arguments.string("a mailbox name"))
    arguments.end()
    with place.access.lock:
        folder = place.find("a")
        entries = {place.access.owner.login: ALL, **place.access.box.sharing.of(folder.id)}
    told = b" ".join(b"%b %b" % (string(who.encode()), format_rights(rights)) for who, rights in entries.items())
    yield b"* ACL %b %b\r\n" % (_name(session, place), told)
    return Done("GETACL completed")


def set_(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    place = session.place_of(arguments.string("a mailbox name"))
    told = _identifier_of(arguments)
    try:
        how, rights = parse_rights(arguments.string("rights").decode("latin-1"))
    except RemoteError as error:
        raise BadRequest(str(error)) from error
    arguments.end()
    yield from ()
    _change(session, place, _identifier(session, place, told), how, rights)
    return Done("SETACL completed")


def delete(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    place = session.place_of(arguments.string("a mailbox name"))
    told = _identifier_of(arguments)
    arguments.end()
    yield from ()
    try:
        identifier = _identifier(session, place, told)
    except No:  # an entry for somebody who has no account any more
        identifier = told.decode("utf-8", "replace").lower()
    _change(session, place, identifier, How.REPLACE, frozenset())
    return Done("DELETEACL completed")


def list_(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    place = session.place_of(arguments.string("a mailbox name"))
    told = _identifier_of(arguments)
    arguments.end()
    with place.access.lock:
        place.find("a")
    is_owner = told.decode("utf-8", "replace").lower() == place.access.owner.login
    choice = b"%b" % format_rights(ALL) if is_owner else b'"" ' + " ".join(RIGHTS).encode()
    yield b"* LISTRIGHTS %b %b %b\r\n" % (_name(session, place), string(told), choice)
    return Done("LISTRIGHTS completed")


def mine(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    place = session.place_of(arguments.string("a mailbox name"))
    arguments.end()
    with place.access.lock:
        folder = place.find("lrikxa")
        rights = place.access.rights_on(folder.id)
    yield b"* MYRIGHTS %b %b\r\n" % (_name(session, place), format_rights(rights))
    return Done("MYRIGHTS completed")


def _identifier_of(arguments: Arguments) -> bytes:
    told = arguments.string("an identifier")
    if not told or any(octet < 32 or octet == 127 for octet in told):
        raise BadRequest("that can't be an identifier")
    return told


def _name(session: "Session", place: Place) -> bytes:
    return session.name_of(place.access.full(place.path))


def _identifier(session: "Session", place: Place, told: bytes) -> str:
    """Raises No."""
    name = told.decode("utf-8", "replace")
    if name.startswith("-"):
        raise No("there are no negative rights here; take the right away instead", "CANNOT")
    try:
        identifier = identifier_of(session.services.accounts, name)
    except NobodyOfThatName as error:
        raise No(f"nobody here has the address {name}", "CANNOT") from error
    if identifier == place.access.owner.login:
        raise No("the owner may do everything, always", "CANNOT")
    return identifier


def _change(session: "Session", place: Place, identifier: str, how: How, rights: Rights) -> None:
    access = place.access
    with access.lock:
        folder: LiveFolder = place.find("a")
        now = access.box.sharing.of(folder.id).get(identifier, frozenset())
        set_rights(
            session.services.accounts, access.owner, access.box, folder.id, identifier, changed(now, how, rights)
        )
    session.changed(access)
