"""From a location to a client that is signed in: TCP, TLS or STARTTLS, greeting, sign-in, capabilities, ENABLE."""

import asyncio
import contextlib
import os
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from bascule.protocols.imap.commands import atom, command
from bascule.protocols.imap.receiver import Sink
from bascule.protocols.imap.refusals import Meaning, meaning_of, meaning_of_condition
from bascule.protocols.imap.responses import Capability, Condition, Enabled, Response
from bascule.terms.body import SpooledBody
from bascule.terms.errors import advice_for
from bascule.terms.location import Location
from bascule.wire.errors import BareLineEnd, CommandRefused, ConnectError, ConnectionLost, NotNow, Unreachable
from bascule.wire.imap.client import ImapClient
from bascule.wire.imap.connection import Connection
from bascule.wire.imap.credentials import Credentials
from bascule.wire.imap.redaction import Redaction
from bascule.wire.imap.signing_in import adopt, sign_in, too_many
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
    """Open, secure and sign in, once. Raises a ConnectError of the kind that it is, with a sentence for the user.

    ``imap://`` uses STARTTLS where offered; clear text only to loopback or with ``security.insecure``. Nothing is left open
    after an error. ``compress``: where that is offered, and works.
    """
    wanted = security or Security()
    client = await _connect(location, credentials, wanted, limits, open_sink)
    if compress and "COMPRESS=DEFLATE" in client.capabilities and not await _compresses(client):
        client = await _connect(location, credentials, wanted, limits, open_sink)
    return client


async def _connect(
    location: Location,
    credentials: Credentials,
    security: Security,
    limits: WireLimits,
    open_sink: Callable[[int], Sink],
) -> ImapClient:
    redaction = Redaction(credentials.secret())
    connection = await _open(
        location, security, limits, lambda: Connection(open_sink, wire_limits=limits, redaction=redaction)
    )
    client = ImapClient(connection, str(location))
    try:
        await _prepare(client, location, credentials, security, limits)
    except BareLineEnd as error:
        await connection.close()
        raise ConnectError(
            f"{_place(location)} does not speak IMAP as it must: {error} (RFC 9051 §2.2).",
            "Try --source-auth login or --target-auth login, as some do so in one command only; else ask whoever looks after it.",
        ) from error
    except ConnectionLost as error:
        await connection.close()
        if meaning_of(None, str(error), at_sign_in=True) is Meaning.TOO_MANY:
            raise too_many(location, str(error)) from error
        if error.asks_to_wait:
            raise NotNow(
                f"{_place(location)} asks us to come later: {error}.", "Try again later.", str(error)
            ) from error
        raise Unreachable(
            f"{_place(location)} ended the connection: {error}.", "Try again; the server may be busy."
        ) from error
    except CommandRefused as error:
        await connection.close()
        raise ConnectError(
            f"{_place(location)} refuses what every server takes: {error}.", "Ask whoever looks after it."
        ) from error
    except BaseException:
        await connection.close()
        raise
    return client


def _place(location: Location) -> str:
    return f"{location.host}:{location.port}"


async def _open(
    location: Location, security: Security, limits: WireLimits, make: Callable[[], Connection]
) -> Connection:
    loop = asyncio.get_running_loop()
    context = security.context() if location.scheme == "imaps" else None
    try:
        async with asyncio.timeout(limits.connect_seconds):
            transport, connection = await loop.create_connection(make, location.host, location.port, ssl=context)
    except TimeoutError as error:
        raise Unreachable(
            f"{_place(location)} did not answer within {limits.connect_seconds:.0f} seconds.",
            "Check the host, the port and the firewall between.",
        ) from error
    except socket.gaierror as error:
        if error.errno in (socket.EAI_AGAIN, socket.EAI_SYSTEM):
            raise Unreachable(f"The name “{location.host}” can't be looked up now.", "Try again later.") from error
        raise ConnectError(f"There is no server named “{location.host}”.", "Check the spelling of the host.") from error
    except ssl.SSLError as error:
        raise _tls_error(location, error) from error
    except OSError as error:
        if context is not None and (error.errno is None or isinstance(error, ConnectionResetError)):
            raise _ended_in_tls(location) from error
        raise Unreachable(
            f"{_place(location)} can't be reached: {_why(error)}.",
            advice_for(error, "Check the port, and that the server runs."),
        ) from error
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


_ERRNO = re.compile(r"\[Errno (\d+)\]")


def _why(error: OSError) -> str:
    """As the system says it: asyncio writes addresses of its own in place of that, and of several addresses all of it in one string."""
    told = error.errno or next((int(number) for number in _ERRNO.findall(str(error))), 0)
    return os.strerror(told) if told > 0 else str(error) or type(error).__name__


_NOT_YET_VALID, _EXPIRED = 9, 10
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""
_OF_ANOTHER = "Name the server as its certificate does, or give the certificate of its authority with --ca-file."
_OF_ANOTHER_TIME = "Ask who runs the server to renew it; and see that the clock of this machine is right."
_PLAIN_TEXT = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
"""What OpenSSL calls octets that are no TLS, over the years."""


def _tls_error(location: Location, error: ssl.SSLError) -> ConnectError:
    if error.reason in _PLAIN_TEXT and location.scheme == "imap":
        return ConnectError(
            f"{_place(location)} agreed to begin TLS, and then sent something else.",
            "Another program may stand in between: use imaps://, or ask whoever runs the server.",
        )
    if error.reason in _PLAIN_TEXT:
        return ConnectError(
            f"{_place(location)} speaks in clear text at first, and not TLS.",
            "Use imap://, which begins TLS with STARTTLS, or the port for TLS (993).",
        )
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _ended_in_tls(location)
    reason, advice = error.reason, _OF_ANOTHER
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
        advice = _OF_ANOTHER_TIME if error.verify_code in (_NOT_YET_VALID, _EXPIRED) else _OF_ANOTHER
    return ConnectError(f"No secure connection to {_place(location)}: {str(reason or error).rstrip('.')}.", advice)


def _ended_in_tls(location: Location) -> Unreachable:
    return Unreachable(
        f"{_place(location)} ended the connection while TLS was being agreed on.", "Try again; the server may be busy."
    )


async def _prepare(
    client: ImapClient,
    location: Location,
    credentials: Credentials,
    security: Security,
    limits: WireLimits,
) -> None:
    greeting = await _greeting(client.connection, location, limits)
    if greeting.status == "BYE":
        raise _turned_away(location, greeting)
    adopt(client, greeting)
    if not client.capabilities:
        await client.capability()
    if location.scheme == "imap":
        await _start_tls(client, location, security, limits, signed_in=greeting.status == "PREAUTH")
    if greeting.status != "PREAUTH":
        await sign_in(client, location, credentials)
    await _enable(client)


async def _compresses(client: ImapClient) -> bool:
    """DEFLATE from here on, and one command more, which shows that either side understands the other. False: it said OK and does not
    compress, as a proxy may that only hands on the word; the connection is closed."""
    try:
        await client.compress()
        with contextlib.suppress(CommandRefused):  # any answer is one
            await client.noop()
    except ConnectionLost:
        await client.connection.close()
        return False
    except BaseException:
        await client.connection.close()
        raise
    return True


async def _greeting(connection: Connection, location: Location, limits: WireLimits) -> Condition:
    """Where none comes on a connection without TLS, it is looked whether the port wants TLS first. Raises ConnectError."""
    waiting = asyncio.ensure_future(connection.greeting())
    try:
        first = limits.probe_seconds if location.scheme == "imap" else limits.greeting_seconds
        await asyncio.wait([waiting], timeout=first)
        said_nothing = not waiting.done() or (waiting.exception() and not connection.octets_received)
        if location.scheme == "imap" and said_nothing and await _speaks_tls(location, limits):
            raise ConnectError(f"{_place(location)} speaks TLS from the first octet.", "Use imaps://.")
        await asyncio.wait([waiting], timeout=limits.greeting_seconds - first)
        if not waiting.done():
            raise Unreachable(
                f"{_place(location)} takes the connection and says nothing for {limits.greeting_seconds:.0f} seconds.",
                "Check that an IMAP server is behind this port; try again later.",
            )
        return waiting.result()
    finally:
        waiting.cancel()


async def _speaks_tls(location: Location, limits: WireLimits) -> bool:
    """A connection of its own, on which nothing but the beginning of TLS is said."""
    context = Security(insecure=True).context()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(limits.probe_seconds):
            _, writer = await asyncio.open_connection(location.host, location.port, ssl=context)
        writer.transport.abort()
        return True
    return False


def _turned_away(location: Location, bye: Condition) -> NotNow:
    if meaning_of_condition(bye, at_sign_in=True) is Meaning.TOO_MANY:
        return too_many(location, bye.reason)
    return NotNow(f"{_place(location)} turns us away: {bye.reason}", "Try again later.", bye.reason)


async def _start_tls(
    client: ImapClient, location: Location, security: Security, limits: WireLimits, *, signed_in: bool
) -> None:
    clear_text_is_fine = location.is_loopback or security.insecure
    if signed_in:
        # RFC 9051 §6.2.1 allows STARTTLS before sign-in only, so that whoever stands in between and says PREAUTH would keep us in clear text.
        if clear_text_is_fine:
            return
        raise ConnectError(
            f"{_place(location)} says that we are signed in before encryption can begin (PREAUTH); it may be an attack.",
            "Use imaps://, or add --insecure if you accept clear text.",
        )
    if "STARTTLS" not in client.capabilities:
        if clear_text_is_fine:
            return
        raise ConnectError(
            f"{_place(location)} offers no encryption, and the password would be readable on the way.",
            "Use imaps://, or add --insecure if you accept that.",
        )
    if location.is_loopback and not security.ca_file:
        # Clear text is allowed here; its certificate rarely names localhost, and nobody stands in between.
        security = Security(insecure=True)
    await _agree_on_tls(client.connection, location, security, limits)
    client.set_capabilities(frozenset())  # RFC 9051 §6.2.1: what was said in clear text is forgotten
    await client.capability()


async def _agree_on_tls(connection: Connection, location: Location, security: Security, limits: WireLimits) -> None:
    pending = connection.begin_border("STARTTLS")
    try:
        await connection.write_line(pending, command(b"STARTTLS"))
        await pending.ok()
    except ConnectionLost as error:
        raise _ended_in_tls(location) from error
    except CommandRefused as error:
        raise ConnectError(
            f"{_place(location)} offers STARTTLS and refuses it: {error.reason}", "Use imaps://."
        ) from error
    if not connection.nothing_is_buffered():
        # Whatever came in clear text after the OK could be an attacker's (CVE-2011-0411 and its kin).
        raise ConnectError(
            f"{_place(location)} sent something between STARTTLS and TLS; it may be an attack.", "Use imaps:// instead."
        )
    try:
        transport = await asyncio.get_running_loop().start_tls(
            connection.transport, connection, security.context(),
            server_hostname=location.host, ssl_handshake_timeout=limits.connect_seconds,
        )  # fmt: skip
    except ssl.SSLError as error:
        raise _tls_error(location, error) from error
    except OSError as error:
        raise _ended_in_tls(location) from error
    if transport is None:  # asyncio gives none where the connection was closed at this moment
        raise _ended_in_tls(location)
    connection.replace_transport(transport)
    connection.cross_border()


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
            client.enabled = client.enabled | response.names.intersection((*keepers, "UTF8=ACCEPT"))
        elif isinstance(response, Capability):
            client.set_capabilities(response.names)

    with contextlib.suppress(CommandRefused):  # then it is a server without
        await client.run(command(b"ENABLE", *[atom(name.encode()) for name in wanted]), handle)
