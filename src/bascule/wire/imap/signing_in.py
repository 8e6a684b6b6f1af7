"""Sign-in: LOGIN or AUTHENTICATE, and what a refusal of it means. RFC 9051 §6.2.2, §6.2.3"""

import base64

from bascule.protocols import sasl
from bascule.protocols.imap.commands import astring, atom, command, encoded
from bascule.protocols.imap.refusals import Meaning, meaning_of
from bascule.protocols.imap.responses import Condition
from bascule.terms.location import Location
from bascule.wire.errors import CommandRefused, ConnectError, NotNow, SignInError, TooManyConnections
from bascule.wire.imap.client import ImapClient
from bascule.wire.imap.credentials import Credentials
from bascule.wire.limits import CHALLENGES


def adopt(client: ImapClient, condition: Condition) -> None:
    """Capabilities that came as a response code save a round trip. RFC 9051 §7.1"""
    if condition.code and condition.code.name == "CAPABILITY":
        names = (name.decode("latin-1").upper() for name in condition.code.arguments if isinstance(name, bytes))
        client.set_capabilities(frozenset(names))


async def sign_in(client: ImapClient, location: Location, credentials: Credentials) -> None:
    """Raises SignInError, TooManyConnections, NotNow, ConnectionLost."""
    before = client.capabilities
    try:
        condition = await _authenticate(client, location, credentials)
    except sasl.Unwritable as error:
        raise SignInError(
            f"The name or the password holds {error}.", "Check both, and the file or variable that the password is in."
        ) from error
    except CommandRefused as error:
        raise _refusal(location, credentials, error) from error
    adopt(client, condition)
    if client.capabilities is before or not client.capabilities:
        await client.capability()


def _refusal(location: Location, credentials: Credentials, error: CommandRefused) -> ConnectError:
    match meaning_of(error.code, error.reason, at_sign_in=True):
        case Meaning.TOO_MANY:
            return too_many(location, error.reason)
        case Meaning.NOT_NOW:
            return NotNow(
                f"{location.host} does not open this mailbox now: {error.reason}", "Try again later.", error.reason
            )
    place = f"{location.host}:{location.port}"
    if credentials.side:
        place = f"The {credentials.side}, {place},"
    return SignInError(
        f"{place} refuses the sign-in of {credentials.who}: {error.reason}",
        "Check the name and the password.",
    )


def too_many(location: Location, reason: str) -> TooManyConnections:
    return TooManyConnections(
        f"{location.host} takes no further connection: {reason}",
        "Wait until others have ended, or use fewer (--connections).",
        reason,
    )


async def _authenticate(client: ImapClient, location: Location, credentials: Credentials) -> Condition:
    mechanism = credentials.mechanism
    offered = client.capabilities
    if mechanism == "auto":
        mechanism = "plain" if "AUTH=PLAIN" in offered or credentials.admin else "login"
    if mechanism == "login":
        if "LOGINDISABLED" in offered:  # RFC 9051 §6.2.3: then LOGIN must not be sent
            raise SignInError(
                f"{location.host}:{location.port} takes no password on this connection (LOGINDISABLED).",
                "Use imaps://, or sign in by OAuth.",
            )
        if credentials.admin:
            option = f"--{credentials.side}-auth plain" if credentials.side else "PLAIN"
            raise SignInError("LOGIN can't open another person's mailbox.", f"Use {option} with an administrator.")
        return await _login(client, credentials)
    name = credentials.admin or credentials.user
    secret = credentials.secret()
    match mechanism:
        case "plain":
            initial = sasl.plain(name, secret, credentials.user if credentials.admin else "")
        case "xoauth2":
            initial = sasl.xoauth2(credentials.user, secret)
        case _:
            initial = sasl.oauthbearer(credentials.user, secret, location.host, location.port)
    return await _sasl(client, mechanism.upper(), initial)


async def _login(client: ImapClient, credentials: Credentials) -> Condition:
    name, secret = sasl.octets(credentials.user), sasl.octets(credentials.secret())
    return await client.run(command(b"LOGIN", astring(name), astring(secret)))


async def _sasl(client: ImapClient, mechanism: str, initial: bytes) -> Condition:
    """RFC 9051 §6.2.2. An empty answer to a second challenge ends OAuth's error exchange (RFC 7628 §3.2.3)."""
    connection = client.connection
    sent = "SASL-IR" in client.capabilities
    arguments = [atom(mechanism.encode()), *([encoded(initial)] if sent else [])]
    pending = connection.begin("AUTHENTICATE")
    await connection.write_line(pending, command(b"AUTHENTICATE", *arguments))
    answers = 0
    while await connection.challenge(pending) is not None:
        answers += 1
        if answers > CHALLENGES:
            connection.abort("the server asks again and again while we sign in")
            break
        await connection.write((b"" if sent else base64.b64encode(initial)) + b"\r\n")
        sent = True
    return await pending.ok()
