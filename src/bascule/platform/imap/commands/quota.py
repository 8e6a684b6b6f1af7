"""GETQUOTA, GETQUOTAROOT, SETQUOTA: RFC 9208. One root for each mailbox; storage in units of 1,024 octets."""

from typing import TYPE_CHECKING

from bascule.platform.imap.access import Access
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.answers import string
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


ROOT = b"mailbox"
"""One's own; another's is called by its login."""


def get(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    root = arguments.string("a quota root")
    arguments.end()
    owners = {owner.login.encode(): owner for owner in session.shared_with_me()}
    if root != ROOT and root not in owners:
        raise No("there is no such quota root", "NONEXISTENT")
    yield _response(session.own if root == ROOT else session.access_to(owners[root]))
    return Done("GETQUOTA completed")


def get_root(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    place = session.place_of(arguments.string("a mailbox name"))
    arguments.end()
    if place.access.reader is not None:
        with place.access.lock:
            place.find("r")
    name = session.name_of(place.access.full(place.path))
    yield b"* QUOTAROOT %b %b\r\n" % (name, string(_root(place.access)))
    yield _response(place.access)
    return Done("GETQUOTAROOT completed")


def set_(session: "Session", request: Request) -> Answer:
    yield from ()
    raise No("only an administrator changes quotas", "NOPERM")


def _root(access: Access) -> bytes:
    return ROOT if access.reader is None else access.owner.login.encode()


def _response(access: Access) -> bytes:
    limit = access.owner.quota_octets
    if limit is None:
        return b"* QUOTA %b ()\r\n" % string(_root(access))
    with access.lock:
        used, _ = access.box.folders.octets()
    return b"* QUOTA %b (STORAGE %d %d)\r\n" % (string(_root(access)), -(-used // 1024), limit // 1024)


def require_room(access: Access, octets: int) -> None:
    """Raises No where ``octets`` more are over the quota. The caller holds the mailbox's lock."""
    limit = access.owner.quota_octets
    if limit is not None and access.box.folders.octets()[0] + octets > limit:
        raise No("the mailbox is full; delete something first, or ask for more room", "OVERQUOTA")
