"""Does a server open the mailbox that an administrator asks for? Some let the administrator in, and ignore for whom (SASL PLAIN's authorisation
identity, RFC 4616 §2): Courier is one. Then each member would get the administrator's own mail, and theirs would all go there.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bascule.wire.errors import CommandRefused, ConnectError, ConnectionLost, SignInError, Unreachable
from bascule.wire.imap.client import ImapClient
from bascule.wire.imap.credentials import Credentials

ConnectAs = Callable[[Credentials], Awaitable[ImapClient]]
_INBOX = b"INBOX"
UIDVALIDITY_SECONDS = 1.1
"""Two mailboxes made this far apart have two UIDVALIDITY on servers that take it from the clock, as nearly all do."""


class Ignored(ConnectError):
    """The server lets the administrator in, and opens the administrator's own mailbox for everybody."""

    def __init__(self, place: str, admin: str) -> None:
        super().__init__(
            f"{place} lets “{admin}” in, but opens “{admin}”’s own mailbox for whatever member is asked for. Nothing was read or written.",
            "Sign in as the member, or through a server or proxy that goes by the authorization identity (RFC 4616).",
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What tells one mailbox from another: INBOX's UIDVALIDITY (0: it has none) and UIDNEXT, and the names of all."""

    uidvalidity: int
    uidnext: int
    folders: frozenset[bytes]


async def require_authorization(place: str, credentials: Credentials, connect_as: ConnectAs) -> bool:
    """Whether it is proved that ``credentials.admin`` gets the mailbox of whoever is asked for; raises Ignored where it is not so.

    Somebody who can't exist is asked for. Where the server refuses that, it looks at the name. Where it makes a mailbox for every name
    (Dovecot with a static user database), or where it doesn't look, what is opened is compared with what the member's name opens. Nothing
    is selected, and nothing written. False: it turned the stranger away twice, if only for now, and let the member in between: it looks
    at the name, and is to be asked again another time. Raises ConnectError of the member's sign-in.
    """
    stranger: ImapClient | None = None
    try:
        stranger = await _open_stranger(credentials, connect_as)
    except ConnectError as refusal:
        # Raises what the member is told as well: a wrong password of the administrator's proves nothing.
        await (await connect_as(credentials)).logout()
        if isinstance(refusal, SignInError):
            return True
        with contextlib.suppress(ConnectError):
            stranger = await _open_stranger(credentials, connect_as)
    if stranger is None:
        return False
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(stranger.logout)
        if await _opens_one_for_all(stack, stranger, credentials, connect_as):
            raise Ignored(place, credentials.admin)
    return True


async def _opens_one_for_all(
    stack: contextlib.AsyncExitStack, stranger: ImapClient, credentials: Credentials, connect_as: ConnectAs
) -> bool:
    """Two empty mailboxes that were made in one second look alike, and prove nothing: the administrator's own, and a second stranger's that
    is made later, must look so too."""
    member = await _open(stack, connect_as, credentials)
    if not await _are_one(stranger, member):
        return False
    try:
        own = await _open(stack, connect_as, replace(credentials, user=credentials.admin, admin=""))
    except SignInError:
        return False  # then it was not that one which was opened
    if not await _are_one(own, member):
        return False
    await asyncio.sleep(UIDVALIDITY_SECONDS)
    try:
        second = await _open_stranger(credentials, connect_as)
    except SignInError:
        return False
    stack.push_async_callback(second.logout)
    return await _are_one(second, member)


async def _open(stack: contextlib.AsyncExitStack, connect_as: ConnectAs, credentials: Credentials) -> ImapClient:
    client = await connect_as(credentials)
    stack.push_async_callback(client.logout)
    return client


async def _open_stranger(credentials: Credentials, connect_as: ConnectAs) -> ImapClient:
    """As somebody of the member's domain whom nobody has ever heard of."""
    _, at, domain = credentials.user.partition("@")
    return await connect_as(replace(credentials, user=f"bascule-{secrets.token_hex(8)}{at}{domain}"))


async def _are_one(one: ImapClient, other: ImapClient) -> bool:
    """As far as can be seen; mail may arrive meanwhile. What has no INBOX is no mailbox."""
    try:
        before, there, after = await _look(one), await _look(other), await _look(one)
    except ConnectionLost as error:
        raise Unreachable(f"{one.name} ended the connection: {error}.", "Try again; the server may be busy.") from error
    same_folders = there.folders in (before.folders, after.folders)
    same_inbox = there.uidvalidity == before.uidvalidity and before.uidnext <= there.uidnext <= after.uidnext
    return bool(there.uidvalidity) and same_inbox and same_folders


async def _look(client: ImapClient) -> _Seen:
    folders: frozenset[bytes] = frozenset()
    with contextlib.suppress(CommandRefused):
        folders = frozenset(entry.name for entry in await client.list_all())
    inbox = (await client.status_all([_INBOX])).get(_INBOX, {})
    return _Seen(inbox.get("UIDVALIDITY", 0), inbox.get("UIDNEXT", 0), folders)
