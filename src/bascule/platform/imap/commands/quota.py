"""GETQUOTA, GETQUOTAROOT, SETQUOTA: RFC 9208. One root for the whole mailbox; storage in units of 1,024 octets."""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


ROOT = b'"mailbox"'


def get(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    root = arguments.string("a quota root")
    arguments.end()
    if root != b"mailbox":
        raise No("there is no such quota root", "NONEXISTENT")
    yield _response(session)
    return Done("GETQUOTA completed")


def get_root(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    path = session.path_of(arguments.string("a mailbox name"))
    arguments.end()
    yield b"* QUOTAROOT " + session.name_of(path) + b" " + ROOT + b"\r\n"
    yield _response(session)
    return Done("GETQUOTAROOT completed")


def set_(session: "Session", request: Request) -> Answer:
    yield from ()
    raise No("only an administrator changes quotas", "NOPERM")


def _response(session: "Session") -> bytes:
    assert session.account is not None
    limit = session.account.quota_octets
    if limit is None:
        return b"* QUOTA " + ROOT + b" ()\r\n"
    with session.mailbox.lock:
        used, _ = session.box.folders.octets()
    return b"* QUOTA %b (STORAGE %d %d)\r\n" % (ROOT, -(-used // 1024), limit // 1024)


def require_room(session: "Session", octets: int) -> None:
    """Raises No where ``octets`` more are over the quota. The caller holds the mailbox's lock."""
    assert session.account is not None
    limit = session.account.quota_octets
    if limit is not None and session.box.folders.octets()[0] + octets > limit:
        raise No("the mailbox is full; delete something first, or ask for more room", "OVERQUOTA")
