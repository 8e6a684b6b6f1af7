"""One message to one other server, over SMTP."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import aiosmtplib

from bascule.platform.settings_file import Endpoint
from bascule.protocols.smtp import Reply
from bascule.protocols.smtp.paths import format_path, is_path

CONNECT_SECONDS = 60.0
REPLY_SECONDS = 10 * 60.0
"""RFC 5321 §4.5.3.2.6: a server may take ten minutes over a message's end."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    sender: str
    recipients: tuple[str, ...]
    octets: bytes
    is_utf8: bool


@dataclass(frozen=True, slots=True)
class Smarthost:
    """How to sign in to the smarthost; TLS with a certificate that holds is a must then."""

    user: str
    password_file: Path


class Unreachable(Exception):
    """That host could not be asked at all: another may be tried."""


@dataclass(frozen=True, slots=True)
class Sender:
    hostname: str
    smarthost: Smarthost | None = None

    async def send(self, host: Endpoint, message: Outgoing) -> dict[str, Reply]:
        """Each recipient's reply. Raises Unreachable."""
        client = aiosmtplib.SMTP(
            hostname=host.host, port=host.port, local_hostname=self.hostname, timeout=CONNECT_SECONDS, start_tls=False,
        )  # fmt: skip
        try:
            await self._open(client)
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            if error.code >= 500:
                return dict.fromkeys(message.recipients, Reply.of(error.code, error.message))
            raise Unreachable(f"{host} says {error.code} {error.message}") from error
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            client.close()
            raise Unreachable(f"{host}: {error}") from error
        try:
            return await self._hand_over(client, message)
        finally:
            client.close()

    async def _open(self, client: aiosmtplib.SMTP) -> None:
        """TLS where it is offered: to whom, DNS says, and DNS can be lied to, so a certificate would prove nothing without DANE or MTA-STS."""
        await client.connect()
        await client.ehlo()
        if client.supports_extension("starttls") or self.smarthost is not None:
            context = ssl.create_default_context()
            if self.smarthost is None:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            await client.starttls(tls_context=context)
            await client.ehlo()
        if self.smarthost is not None:
            await client.login(self.smarthost.user, self.smarthost.password_file.read_text().splitlines()[0])

    async def _hand_over(self, client: aiosmtplib.SMTP, message: Outgoing) -> dict[str, Reply]:
        replies: dict[str, Reply] = {}
        try:
            if message.is_utf8 and not client.supports_extension("smtputf8"):
                return dict.fromkeys(
                    message.recipients, Reply(550, "5.6.7", ("that server takes no addresses beyond ASCII",))
                )
            if not is_path(message.sender):
                return dict.fromkeys(message.recipients, Reply(550, "5.1.7", ("the sender has no mail address",)))
            encoding = "utf-8" if message.is_utf8 else "ascii"
            options = [option.encode() for option in _options(client, message)]
            await _say(client, b"MAIL", b"FROM:" + format_path(message.sender).encode(encoding), *options)
            for recipient in message.recipients:
                if not is_path(recipient):
                    replies[recipient] = Reply(550, "5.1.3", ("that is not a mail address",))
                    continue
                try:
                    await _say(client, b"RCPT", b"TO:" + format_path(recipient).encode(encoding))
                except aiosmtplib.SMTPResponseException as refused:
                    replies[recipient] = _reply(refused)
            left = [each for each in message.recipients if each not in replies]
            if left:
                accepted = await client.data(message.octets, timeout=REPLY_SECONDS)
                replies |= dict.fromkeys(left, Reply.of(accepted.code, accepted.message))
            await client.quit(timeout=5.0)
        except aiosmtplib.SMTPResponseException as refused:
            replies |= {each: _reply(refused) for each in message.recipients if each not in replies}
        except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
            lost = Reply(450, "4.4.2", (f"the connection was lost: {error}",))
            replies |= {each: lost for each in message.recipients if each not in replies}
        return replies


async def _say(client: aiosmtplib.SMTP, *words: bytes) -> None:
    """A command of an envelope; aiosmtplib's own would write an address as it understands it. Raises SMTPResponseException."""
    reply = await client.execute_command(*words, timeout=REPLY_SECONDS)
    if not 200 <= reply.code < 300:
        raise aiosmtplib.SMTPResponseException(reply.code, reply.message)


def _options(client: aiosmtplib.SMTP, message: Outgoing) -> list[str]:
    options = []
    if client.supports_extension("size"):
        options.append(f"SIZE={len(message.octets)}")
    if client.supports_extension("8bitmime") and not message.octets.isascii():
        options.append("BODY=8BITMIME")
    if message.is_utf8:
        options.append("SMTPUTF8")
    return options


def _reply(refused: aiosmtplib.SMTPResponseException) -> Reply:
    code = refused.code if 400 <= refused.code < 600 else 450
    return Reply.of(code, refused.message)
