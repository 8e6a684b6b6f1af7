"""What people are told when a connection does not come about: what is true, and what to do."""

import asyncio
import re
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from bascule.terms.location import Location
from bascule.wire.errors import ConnectError, NotNow, SignInError, TooManyConnections, Unreachable
from bascule.wire.imap import Credentials, Security, connect
from bascule.wire.limits import WireLimits
from support.certificates import make_certificate
from support.old_server import Drop, OldServer

LIMITS = WireLimits(connect_seconds=2, greeting_seconds=1, probe_seconds=0.2, stall_seconds=2)


def refused(server: OldServer, scheme: str = "imap", **given: object) -> ConnectError:
    """The error of connecting to the server."""

    async def use() -> ConnectError:
        async with server.running() as location:
            with pytest.raises(ConnectError) as raised:
                await connect(
                    replace(location, scheme=scheme), Credentials("anna", lambda: "secret"), limits=LIMITS, **given
                )  # type: ignore[arg-type]
            return raised.value

    return asyncio.run(asyncio.wait_for(use(), 20))


class Answering(OldServer):
    """``greets`` and ``answers`` LOGIN with these; None: ends the connection."""

    def __init__(self, *, greets: bytes = b"", answers: bytes | None = b"") -> None:
        super().__init__()
        self.greets, self.answers = greets, answers

    def greeting(self) -> bytes:
        if self.greets:
            raise Drop(self.greets)
        return super().greeting()

    def login(self) -> bytes:
        if self.answers is None or self.answers.startswith(b"*"):
            raise Drop(self.answers or b"")
        return self.answers


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        (b"TAG NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded\r\n", TooManyConnections, "takes no further"),
        (b"TAG NO [ALERT] Too many simultaneous connections. (Failure)\r\n", TooManyConnections, "Too many simultaneous"),
        (b"TAG NO [LIMIT] no\r\n", TooManyConnections, r"\[LIMIT\] no"),
        (b"TAG BAD User is authenticated but not connected.\r\n", TooManyConnections, "authenticated but not connected"),
        (b"TAG NO [UNAVAILABLE] Temporary authentication failure\r\n", NotNow, "does not open this mailbox now"),
        (b"TAG NO [INUSE] locked\r\n", NotNow, "does not open this mailbox now"),
        (b"TAG NO [SERVERBUG] oops\r\n", NotNow, "does not open this mailbox now"),
        (b"TAG NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", SignInError, "refuses the sign-in of “anna”"),
        (b"TAG NO Login failed.\r\n", SignInError, "refuses the sign-in of “anna”"),
        (b"* BYE Too many connections\r\n", TooManyConnections, "goodbye: Too many connections"),
        (b"* BYE [UNAVAILABLE] restart\r\n", NotNow, r"asks us to come later: .*\[UNAVAILABLE\] restart"),
        (b"* BYE \x1b]0;x\x07disabled\r\n", Unreachable, "ended the connection: .*goodbye: .x1b]0;x.x07disabled"),
        (None, Unreachable, "ended the connection: the server closed the connection"),
    ],
)  # fmt: skip
def test_a_sign_in_that_does_not_come_about_is_told_as_what_it_is(answers: bytes, kind: type, words: str) -> None:
    error = refused(Answering(answers=answers))
    assert type(error) is kind
    assert re.search(words, error.message), error.message
    assert ("password" in error.advice) == (kind is SignInError)


@pytest.mark.parametrize(
    ("greets", "kind", "words"),
    [
        (b"* BYE Too many connections from your IP\r\n", TooManyConnections, "takes no further connection: Too many"),
        (b"* BYE [UNAVAILABLE] maintenance\r\n", NotNow, "turns us away: [UNAVAILABLE] maintenance"),
        (b"* BYE \x1b[31mgo away\r\n", NotNow, "turns us away: \\x1b[31mgo away"),
        (b"220 mail.example ESMTP\r\n", Unreachable, "its first line is “220 mail.example ESMTP”"),
        (b"+OK POP3 ready\r\n", Unreachable, "its first line is “+OK POP3 ready”"),
        (b"SSH-2.0-OpenSSH_9\r\n", Unreachable, "its first line is “SSH-2.0-OpenSSH_9”"),
        (b"HTTP/1.1 400 Bad Request\r\n", Unreachable, "its first line is “HTTP/1.1 400 Bad Request”"),
        (b"* LIST () NIL x\r\n", Unreachable, "its first line is “* LIST () NIL x”"),
    ],
)
def test_a_greeting_that_is_none_is_quoted(greets: bytes, kind: type, words: str) -> None:
    error = refused(Answering(greets=greets))
    assert type(error) is kind
    assert words in error.message


def test_a_server_that_takes_the_connection_and_says_nothing_is_told_as_that() -> None:
    class Silent(OldServer):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

    error = refused(Silent())
    assert type(error) is Unreachable
    assert "takes the connection and says nothing for 1 seconds" in error.message


def test_a_port_that_speaks_tls_first_is_told_from_one_that_is_silent(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def use() -> ConnectError:
        server = await asyncio.start_server(OldServer().serve, "127.0.0.1", 0, ssl=context)
        location = Location("imap", "anna", "127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(ConnectError) as raised:
            await connect(location, Credentials("anna", lambda: "secret"), limits=LIMITS)
        server.close()
        return raised.value

    error = asyncio.run(use())
    assert "speaks TLS from the first octet" in error.message
    assert error.advice == "Use imaps://."


def test_tls_to_a_port_of_clear_text_says_which_scheme_to_use() -> None:
    error = refused(OldServer(), scheme="imaps")
    assert "speaks in clear text at first" in error.message
    assert "imap://" in error.advice


def test_clear_text_where_tls_was_agreed_on_is_not_answered_with_the_scheme_that_is_used() -> None:
    class GoesOn(OldServer):
        capabilities = b"IMAP4rev1 STARTTLS"

        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n")
            tag = (await reader.readline()).split()[0]
            writer.write(tag + b" OK begin\r\n")
            await reader.read(1)
            writer.write(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
            await reader.read()
            writer.close()

    error = refused(GoesOn())
    assert "agreed to begin TLS, and then sent something else" in error.message
    assert "imap://" not in error.advice


@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_a_server_that_ends_the_connection_while_tls_is_agreed_on_is_told_in_words(scheme: str) -> None:
    """“bascule: .” was all that was said."""

    class Ending(OldServer):
        capabilities = b"IMAP4rev1 STARTTLS"

        def greeting(self) -> bytes:
            if scheme == "imaps":
                raise Drop
            return super().greeting()

        def other(self, command: bytes) -> bytes:
            raise Drop(b"b1 OK begin\r\n")

    error = refused(Ending(), scheme=scheme)
    assert (
        "while TLS was being agreed on" in error.message or "ended the connection: the server closed" in error.message
    )
    assert type(error) is Unreachable


def test_starttls_that_is_offered_and_refused_is_told() -> None:
    class Refusing(OldServer):
        capabilities = b"IMAP4rev1 STARTTLS"

    error = refused(Refusing())
    assert "offers STARTTLS and refuses it: what is that" in error.message


def test_login_is_not_sent_where_it_is_disabled() -> None:
    class Disabled(OldServer):
        capabilities = b"IMAP4rev1 LOGINDISABLED"

    server = Disabled()
    assert "LOGINDISABLED" in refused(server).message
    assert server.commands == []


class Preauth(OldServer):
    def greeting(self) -> bytes:
        return b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] in\r\n"


def test_preauth_in_clear_text_is_accepted_from_this_machine_only() -> None:
    async def use() -> ConnectError:
        async with Preauth().running() as location:
            client = await connect(location, Credentials("anna", lambda: "secret"), limits=LIMITS)
            await client.logout()
            elsewhere = type(
                "Elsewhere", (), {"__getattr__": lambda s, n: getattr(location, n), "is_loopback": False}
            )()
            with pytest.raises(ConnectError) as raised:
                await connect(elsewhere, Credentials("anna", lambda: "secret"), limits=LIMITS)
            return raised.value

    error = asyncio.run(use())
    assert "PREAUTH" in error.message
    assert "imaps://" in error.advice


def test_nobody_behind_a_port_is_unreachable() -> None:
    async def use() -> ConnectError:
        async with OldServer().running() as location:
            pass
        with pytest.raises(ConnectError) as raised:
            await connect(location, Credentials("anna", lambda: "secret"), limits=LIMITS)
        return raised.value

    error = asyncio.run(use())
    assert type(error) is Unreachable
    assert "can't be reached: Connection refused." in error.message


@pytest.mark.parametrize(("days", "advice"), [(-1, "renew"), (90, "--ca-file")])
def test_a_certificate_that_is_over_is_to_be_renewed_and_one_of_a_stranger_to_be_trusted(
    tmp_path: Path, days: int, advice: str
) -> None:
    chain, key = make_certificate(tmp_path, days=days)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)

    async def use() -> ConnectError:
        async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            security = Security(ca_file=str(chain)) if days < 0 else Security()
            with pytest.raises(ConnectError) as raised:
                await connect(Location("imaps", "anna", "127.0.0.1", port), Credentials("anna", lambda: ""), security)
            return raised.value

    assert advice in asyncio.run(use()).advice
