"""One message to one other server, over SMTP. What its answers mean: `bascule.platform.smtp.queue.meaning`."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bascule.platform.octets import Octets
from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.queue import limits
from bascule.platform.smtp.queue.client import Client, Lost
from bascule.platform.smtp.queue.meaning import Meaning, Outcome, Step, final, later, meaning_of
from bascule.protocols.smtp import Reply
from bascule.protocols.smtp.lines import with_crlf, with_dots
from bascule.protocols.smtp.paths import format_path, is_path


@dataclass(frozen=True, slots=True)
class Outgoing:
    """``recipients``: at most `limits.RECIPIENTS`. ``begun``: called, in a thread, with those who get the octets, right before these go;
    what it raises ends the connection instead, and RFC 5321 §4.1.1.4 has the server forget the message."""

    sender: str
    recipients: tuple[str, ...]
    octets: Octets
    is_utf8: bool
    begun: Callable[[Sequence[str]], None] = lambda recipients: None


@dataclass(frozen=True, slots=True)
class Smarthost:
    """How to sign in to the smarthost; TLS with a certificate that holds is a must then."""

    user: str
    password_file: Path
    trusted: ssl.SSLContext = field(default_factory=ssl.create_default_context)


class Unreachable(Exception):
    """That host takes no mail from us now: another may be tried. ``is_never``: it takes none from anybody (RFC 7504).

    The text goes to the sender, in a notice: nothing of our own files or passwords stands in it."""

    def __init__(self, text: str, *, is_never: bool = False) -> None:
        super().__init__(text)
        self.is_never = is_never


class _NoTls(Exception):
    """The server offers TLS, and it does not come about."""


@dataclass(frozen=True, slots=True)
class Sender:
    """``log``: for what an operator has to mend."""

    hostname: str
    log: Callable[..., None]
    smarthost: Smarthost | None = None

    async def send(self, host: Endpoint, message: Outgoing) -> dict[str, Outcome]:
        """Each recipient's outcome. Raises Unreachable: then nothing was said of the message."""
        client, extensions = await self._opened(host)
        transaction = _Transaction(client, extensions, message)
        try:
            async with asyncio.timeout(limits.ATTEMPT_SECONDS):
                await transaction.run()
        except (Lost, TimeoutError) as error:
            transaction.settle(later("4.4.2", f"{host}: {error or 'it takes too long'}"))
        finally:
            client.close()
        return transaction.outcomes

    # -- until a message may be sent ----------------------------------------------------------------------------------

    async def _opened(self, host: Endpoint) -> tuple[Client, dict[str, str]]:
        try:
            async with asyncio.timeout(limits.OPENING_SECONDS):
                try:
                    return await self._open(host, tls=True)
                except _NoTls as error:
                    if self.smarthost is not None:
                        raise Unreachable(f"{host}: {error}") from error
                    self.log("sent-without-tls", host=str(host), error=str(error))
                    return await self._open(host, tls=False)
        except (Lost, TimeoutError) as error:
            raise Unreachable(f"{host}: {error or 'it does not get ready'}") from error

    async def _open(self, host: Endpoint, *, tls: bool) -> tuple[Client, dict[str, str]]:
        """``tls``: where it is offered. To whom, DNS says, and DNS can be lied to, so a certificate would prove nothing without DANE or
        MTA-STS; and who may read along anyway is no reason not to send (RFC 7435 §3). Raises Unreachable, Lost, _NoTls."""
        client = await Client.connect(host)
        try:
            _require(host, Step.GREETING, await client.reply())
            extensions = await self._hello(client, host)
            if tls and ("STARTTLS" in extensions or self.smarthost is not None):
                extensions = await self._start_tls(client, host, extensions)
            if self.smarthost is not None:
                await self._sign_in(client, host, self.smarthost, extensions)
        except BaseException:
            client.close()
            raise
        return client, extensions

    async def _hello(self, client: Client, host: Endpoint) -> dict[str, str]:
        """What the server can do, by name. RFC 5321 §3.2: HELO where EHLO is refused."""
        name = self.hostname.encode("ascii" if self.hostname.isascii() else "idna")
        reply = await client.exchange(b"EHLO", name)
        if reply.is_permanent:
            _require(host, Step.HELLO, await client.exchange(b"HELO", name))
            return {}
        _require(host, Step.HELLO, reply)
        told = (line.partition(" ") for line in reply.lines[1:])
        return {word.upper(): rest for word, _, rest in told}

    async def _start_tls(self, client: Client, host: Endpoint, extensions: dict[str, str]) -> dict[str, str]:
        reply = await client.exchange(b"STARTTLS")
        if meaning_of(Step.TLS, reply) is not Meaning.DONE:
            if self.smarthost is not None:
                raise Unreachable(f"{host} does not start TLS: {reply}")
            return extensions  # it goes on in clear, on this connection
        try:
            context = _any_certificate() if self.smarthost is None else self.smarthost.trusted
            await client.start_tls(context, host.host)
            return await self._hello(client, host)
        except Lost as error:
            raise _NoTls(str(error)) from error

    async def _sign_in(self, client: Client, host: Endpoint, smarthost: Smarthost, extensions: dict[str, str]) -> None:
        """Of an answer its code is told and no word: some servers repeat what they were given."""
        try:
            text = await asyncio.to_thread(smarthost.password_file.read_text, "utf-8")
            password = text.splitlines()[0]
        except (OSError, ValueError, IndexError) as error:
            self.log("smarthost-password-unreadable", error=str(error) or "the file is empty", advice="look at [queue] smarthost_password_file")  # fmt: skip
            raise Unreachable(f"{host}: this server has no password for it") from error
        offered = extensions.get("AUTH", "").upper().split()
        if "PLAIN" in offered:
            reply = await client.exchange(b"AUTH", b"PLAIN", _base64(f"\0{smarthost.user}\0{password}"))
        elif "LOGIN" in offered:
            reply = await client.exchange(b"AUTH", b"LOGIN")
            for secret in (smarthost.user, password):
                if reply.code == 334:
                    reply = await client.exchange(_base64(secret))
        else:
            self.log("smarthost-has-no-sign-in", host=str(host), advice="AUTH PLAIN or LOGIN must be offered after STARTTLS")  # fmt: skip
            raise Unreachable(f"{host} offers no sign-in")
        if meaning_of(Step.SIGN_IN, reply) is not Meaning.DONE:
            self.log("smarthost-sign-in-refused", host=str(host), code=reply.code, status=reply.status, advice="look at [queue] smarthost_user and the password")  # fmt: skip
            raise Unreachable(f"{host} does not let this server sign in ({reply.code} {reply.status})".replace(" )", ")"))  # fmt: skip


def _require(host: Endpoint, step: Step, reply: Reply) -> None:
    """Raises Unreachable."""
    meaning = meaning_of(step, reply)
    if meaning is not Meaning.DONE:
        raise Unreachable(f"{host} says {reply}", is_never=meaning is Meaning.NO_HOST)


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode())


@cache
def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


# -- one message ------------------------------------------------------------------------------------------------------


class _Transaction:
    """MAIL, RCPT for each, DATA, the message. ``outcomes`` grows as answers come; who has none yet gets what `settle` is told."""

    def __init__(self, client: Client, extensions: dict[str, str], message: Outgoing) -> None:
        self._client = client
        self._extensions = extensions
        self._message = message
        self._is_utf8 = message.is_utf8 or not all(map(str.isascii, (message.sender, *message.recipients)))
        self.outcomes: dict[str, Outcome] = {}

    def settle(self, outcome: Outcome) -> None:
        for recipient in self._message.recipients:
            self.outcomes.setdefault(recipient, outcome)

    async def run(self) -> None:
        """Afterwards each recipient has an outcome. Raises Lost."""
        message = self._message
        if self._is_utf8 and "SMTPUTF8" not in self._extensions:
            self.settle(final("5.6.7", "that server takes no addresses beyond ASCII"))
        elif not is_path(message.sender):
            self.settle(final("5.1.7", "the sender has no mail address"))
        elif await self._envelope() and await self._is_done(Step.DATA, await self._client.exchange(b"DATA")):
            left = [each for each in message.recipients if each not in self.outcomes]
            await asyncio.to_thread(message.begun, left)
            reply = await self._client.send(_in_threads(message.octets))
            self.settle(Outcome.of(Step.END, reply))
        await self._client.quit()

    async def _is_done(self, step: Step, reply: Reply) -> bool:
        outcome = Outcome.of(step, reply)
        if outcome.meaning is not Meaning.DONE:
            self.settle(outcome)
        return outcome.meaning is Meaning.DONE

    async def _envelope(self) -> bool:
        """Whether somebody is to get the message."""
        message = self._message
        options = await asyncio.to_thread(self._options)
        if not await self._is_done(Step.MAIL, await self._client.exchange(b"MAIL", b"FROM:" + format_path(message.sender).encode(), *options)):  # fmt: skip
            return False
        for recipient in message.recipients:
            if not recipient or not is_path(recipient):
                self.outcomes[recipient] = final("5.1.3", "that is not a mail address")
                continue
            reply = await self._client.exchange(b"RCPT", b"TO:" + format_path(recipient).encode())
            outcome = Outcome.of(Step.RCPT, reply)
            if outcome.meaning is not Meaning.DONE:
                self.outcomes[recipient] = outcome
        return len(self.outcomes) < len(message.recipients)

    def _options(self) -> list[bytes]:
        """Reads the message: not on the event loop."""
        octets, options = self._message.octets, []
        if "SIZE" in self._extensions:
            options.append(b"SIZE=%d" % octets.octets)
        if "8BITMIME" in self._extensions and not all(piece.isascii() for piece in octets.chunks()):
            options.append(b"BODY=8BITMIME")
        if self._is_utf8:
            options.append(b"SMTPUTF8")
        return options


async def _in_threads(octets: Octets) -> AsyncIterator[bytes]:
    """Each piece is read and made ready in a thread."""
    pieces = with_dots(with_crlf(octets.chunks()))
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
