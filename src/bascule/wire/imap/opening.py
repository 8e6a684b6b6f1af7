"""From a location to a client that is signed in: TCP, TLS or STARTTLS, greeting, sign-in, capabilities, ENABLE."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from bascule.protocols import sasl
from bascule.protocols.imap.commands import LiteralRule, astring, command
from bascule.protocols.imap.receiver import Sink
from bascule.protocols.imap.responses import Capability, Condition, Enabled, Response
from bascule.terms.body import SpooledBody
from bascule.terms.location import Location
from bascule.wire.backoff import Backoff
from bascule.wire.errors import CommandRefused, ConnectError, ConnectionLost, SignInError
from bascule.wire.imap.client import ImapClient
from bascule.wire.imap.connection import Connection
from bascule.wire.imap.credentials import Credentials
from bascule.wire.limits import DEFAULT_WIRE_LIMITS, WireLimits


@dataclass(frozen=True, slots=True)
class Security:
    """``ca_file``: certificates to trust besides the system's. ``insecure``: accept clear text and any certificate."""

    insecure: bool = False
    ca_file: str = ""

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _spool(octets: int) -> Sink:
    """A large literal lies in an unnamed file, hashed as it arrives, until it has been stored or sent on."""
    return SpooledBody()


async def connect(
    location: Location,
    credentials: Credentials,
    security: Security | None = None,
    *,
    compress: bool = False,
    limits: WireLimits = DEFAULT_WIRE_LIMITS,
    open_sink: Callable[[int], Sink] = _spool,
) -> ImapClient:
    """Open, secure and sign in. Raises ConnectError or SignInError with a sentence for the user.

    ``imap://`` uses STARTTLS where offered; clear text only to loopback or with ``security.insecure``. Nothing is left open
    after an error.
    """
    security = security or Security()
    try:
        async with asyncio.timeout(limits.connect_seconds):
            connection = await _open(location, security, limits, open_sink)
    except TimeoutError as error:
        raise ConnectError(
            f"{location.host}:{location.port} did not answer within {limits.connect_seconds:.0f} seconds.",
            "Check the host, the port and the firewall between.",
        ) from error
    client = ImapClient(connection, str(location))
    try:
        await _prepare(client, location, credentials, security, compress)
    except ConnectionLost as error:
        await connection.close()
        raise ConnectError(
            f"{location.host}:{location.port} ended the connection: {error}.", "Try again; the server may be busy."
        ) from error
    except BaseException:
        await connection.close()
        raise
    return client


async def reconnect(connect: Callable[[], Awaitable[ImapClient]], backoff: Backoff, lost: ConnectionLost) -> ImapClient:
    """A new connection in place of one that ended with ``lost``, after waiting. Raises the last ConnectionLost when there were enough
    tries without progress, and what ``connect`` raises."""
    while await backoff.wait():
        try:
            return await connect()
        except ConnectionLost as again:
            lost = again
    raise lost


async def _open(
    location: Location, security: Security, limits: WireLimits, open_sink: Callable[[int], Sink]
) -> Connection:
    loop = asyncio.get_running_loop()
    context = security.context() if location.scheme == "imaps" else None
    try:
        transport, connection = await loop.create_connection(
            lambda: Connection(open_sink, wire_limits=limits), location.host, location.port, ssl=context
        )
    except socket.gaierror as error:
        raise ConnectError(f"There is no server named “{location.host}”.", "Check the spelling of the host.") from error
    except ssl.SSLError as error:
        raise _tls_error(location, error) from error
    except OSError as error:
        raise ConnectError(
            f"{location.host}:{location.port} can't be reached: {error.strerror or error}.",
            "Check the port, and that the server runs.",
        ) from error
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _tls_error(location: Location, error: ssl.SSLError) -> ConnectError:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
    return ConnectError(
        f"No secure connection to {location.host}:{location.port}: {reason or error}.",
        "Name the server as its certificate does, or give the certificate of its authority with --ca-file.",
    )


async def _prepare(
    client: ImapClient, location: Location, credentials: Credentials, security: Security, compress: bool
) -> None:
    greeting = await client.connection.greeting()
    if greeting.status == "BYE":
        raise ConnectError(f"{location.host}:{location.port} turns us away: {greeting.reason}", "Try again later.")
    _adopt(client, greeting)
    if not client.capabilities:
        await client.capability()
    if location.scheme == "imap":
        await _start_tls(client, location, security)
    if greeting.status != "PREAUTH":
        await _sign_in(client, location, credentials)
    await _enable(client)
    if compress and "COMPRESS=DEFLATE" in client.capabilities:
        await client.compress()


def _adopt(client: ImapClient, condition: Condition) -> None:
    """Capabilities that came as a response code save a round trip. RFC 9051 §7.1"""
    if condition.code and condition.code.name == "CAPABILITY":
        names = (name.decode("latin-1").upper() for name in condition.code.arguments if isinstance(name, bytes))
        client.set_capabilities(frozenset(names))


async def _start_tls(client: ImapClient, location: Location, security: Security) -> None:
    if "STARTTLS" not in client.capabilities:
        if location.is_loopback or security.insecure:
            return
        raise ConnectError(
            f"{location.host}:{location.port} offers no encryption, and the password would be readable on the way.",
            "Use imaps://, or add --insecure if you accept that.",
        )
    if location.is_loopback and not security.ca_file:
        # Clear text is allowed here; its certificate rarely names localhost, and nobody stands in between.
        security = Security(insecure=True)
    connection = client.connection
    pending = connection.begin_border("STARTTLS")
    await connection.write(pending.tag.encode() + b" STARTTLS\r\n")
    await pending.ok()
    if not connection.nothing_is_buffered():
        # Whatever came in clear text after the OK could be an attacker's (CVE-2011-0411 and its kin).
        raise ConnectError(
            f"{location.host}:{location.port} sent something between STARTTLS and TLS; it may be an attack.",
            "Use imaps:// instead.",
        )
    loop = asyncio.get_running_loop()
    try:
        transport = await loop.start_tls(
            connection.transport, connection, security.context(), server_hostname=location.host
        )
    except ssl.SSLError as error:
        raise _tls_error(location, error) from error
    connection.replace_transport(cast(asyncio.Transport, transport))
    connection.cross_border()
    client.set_capabilities(frozenset())  # RFC 9051 §6.2.1: what was said in clear text is forgotten
    await client.capability()


async def _sign_in(client: ImapClient, location: Location, credentials: Credentials) -> None:
    before = client.capabilities
    try:
        condition = await _authenticate(client, location, credentials)
    except CommandRefused as error:
        if error.code == "UNAVAILABLE":
            raise SignInError(
                f"{location.host} does not open this mailbox now: {error.reason}", "Try again later."
            ) from error
        raise SignInError(
            f"{location.host} refuses the sign-in of “{credentials.admin or credentials.user}”: {error.reason}",
            "Check the name and the password; nothing was changed.",
        ) from error
    _adopt(client, condition)
    if client.capabilities is before or not client.capabilities:
        await client.capability()


async def _authenticate(client: ImapClient, location: Location, credentials: Credentials) -> Condition:
    mechanism = credentials.mechanism
    offered = client.capabilities
    if mechanism == "auto":
        mechanism = "plain" if "AUTH=PLAIN" in offered or credentials.admin else "login"
    if mechanism == "login":
        if credentials.admin:
            raise SignInError("LOGIN can't open another person's mailbox.", "Use --auth plain with an administrator.")
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
    rule = LiteralRule.from_capabilities(client.capabilities)
    segments = command(b"LOGIN", astring(credentials.user.encode(), rule), astring(credentials.secret().encode(), rule))
    return await client.run(segments)


async def _sasl(client: ImapClient, mechanism: str, initial: bytes) -> Condition:
    """RFC 9051 §6.2.2. An empty answer to a second challenge ends OAuth's error exchange (RFC 7628 §3.2.3)."""
    connection = client.connection
    encoded = base64.b64encode(initial)
    line = b"AUTHENTICATE " + mechanism.encode()
    sent = "SASL-IR" in client.capabilities
    pending = connection.begin("AUTHENTICATE")
    await connection.write(pending.tag.encode() + b" " + line + (b" " + encoded if sent else b"") + b"\r\n")
    while await connection.challenge(pending) is not None:
        await connection.write((b"" if sent else encoded) + b"\r\n")
        sent = True
    return await pending.ok()


async def _enable(client: ImapClient) -> None:
    """UTF-8 names and messages, and CONDSTORE's FETCH data, where offered. RFC 5161, RFC 6855"""
    if "ENABLE" not in client.capabilities:
        return
    keepers: tuple[str, ...] = ("QRESYNC", "CONDSTORE")
    wanted = [name for name in keepers if name in client.capabilities][:1]
    if {"UTF8=ACCEPT", "UTF8=ONLY"} & client.capabilities:
        # Without it the server may give a message in a downgraded form (RFC 6855 §7, RFC 6858), which is not the message.
        wanted.append("UTF8=ACCEPT")
    if not wanted:
        return

    def handle(response: Response) -> None:
        if isinstance(response, Enabled):
            client.enabled = client.enabled | response.names
        elif isinstance(response, Capability):
            client.set_capabilities(response.names)

    await client.run(command(b"ENABLE", *[name.encode() for name in wanted]), handle)
