"""One connection to another server, on our own reader of replies: a command out, its reply in; a message in pieces, however large it is.

What the server decides has an end here: how long it takes, how much it says, and that it says it only when asked.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Self

from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.queue import limits
from bascule.protocols.smtp import Reply, parse_replies
from bascule.protocols.smtp.commands import format_command


class Lost(Exception):
    """The connection is of no use any more; the text says why."""


class Client(asyncio.Protocol):
    """For one task. Each call may raise Lost; then, and at the end, `close` it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._octets = b""
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended: str | None = None

    @classmethod
    async def connect(cls, host: Endpoint) -> Self:
        try:
            async with asyncio.timeout(limits.CONNECT_SECONDS):
                _, client = await asyncio.get_running_loop().create_connection(cls, host.host, host.port)
        except TimeoutError as error:
            raise Lost("no answer to a connection") from error
        except (OSError, UnicodeError) as error:
            raise Lost(str(error) or "no connection") from error
        return client

    # -- octets -------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._octets += data
        if len(self._octets) > limits.REPLY_OCTETS:
            self._octets = b""
            self._end("it says more than an answer")
        if b"\n" in data:  # so that a reply is looked at once a line, not once an octet
            self._arrived.set()

    def eof_received(self) -> bool:
        self._end("it closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"the connection was lost: {exc}" if exc else "it closed the connection")

    def _end(self, why: str) -> None:
        self._ended = self._ended or why
        self._arrived.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # -- the conversation ---------------------------------------------------------------------------------------------

    async def reply(self, seconds: float = limits.REPLY_SECONDS) -> Reply:
        """The next one; what arrived before the connection was lost counts."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._arrived.clear()
                    replies, _ = parse_replies(self._octets)
                    if replies:
                        return self._taken(replies[0])
                    if self._ended is not None:
                        raise Lost(self._ended)
                    await self._arrived.wait()
        except TimeoutError as error:
            raise Lost(f"no answer within {seconds:.0f} s") from error
        except ValueError as error:
            raise Lost("what it says is no SMTP") from error

    def _taken(self, reply: Reply) -> Reply:
        """Its octets are used up. More behind it is what nobody asked for."""
        place = 0
        for _ in reply.lines:
            place = self._octets.index(b"\n", place) + 1
        self._octets = self._octets[place:]
        return reply

    async def exchange(self, *words: bytes, seconds: float = limits.REPLY_SECONDS) -> Reply:
        """A command, and the reply to it. Raises ValueError for words that would be two commands."""
        command = format_command(*words)
        if self._octets:
            return await self._unasked()
        self._write(command)
        return await self.reply(seconds)

    async def send(self, pieces: AsyncIterator[bytes]) -> Reply:
        """A message that the server asked for; the reply to its end. ``pieces``: of `with_dots`, of which the last ends it.

        A server that answers before the end may refuse; it can't have accepted what it has not seen.
        """
        async for piece in pieces:
            if self._octets or self._ended is not None:
                return await self._unasked()
            self._write(piece)
            try:
                async with asyncio.timeout(limits.BLOCK_SECONDS):
                    await self._writable.wait()
            except TimeoutError as error:
                raise Lost(f"it took nothing for {limits.BLOCK_SECONDS:.0f} s") from error
        return await self.reply(limits.END_SECONDS)

    async def _unasked(self) -> Reply:
        reply = await self.reply(limits.QUIT_SECONDS)
        if reply.is_positive:
            raise Lost("it answers before it is asked")
        return reply

    def _write(self, octets: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise Lost(self._ended or "it closed the connection")
        self._transport.write(octets)

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Encrypt, after the server's consent. What it said in clear behind that is thrown away, unread: an attacker may have put it there
        (CVE-2011-0411). Raises Lost where there is no handshake, or no certificate that ``context`` wants."""
        assert self._transport is not None
        self._octets = b""
        try:
            transport = await self._loop.start_tls(self._transport, self, context, server_hostname=name)
        except (OSError, TimeoutError) as error:  # ssl.SSLError among them
            raise Lost(f"TLS: {error or 'no handshake'}") from error
        if transport is None:
            raise Lost(self._ended or "it closed the connection")
        self._transport = transport

    async def quit(self) -> None:
        """RFC 5321 §4.1.1.10: not without a word; the answer is not waited for long, and changes nothing."""
        try:
            await self.exchange(b"QUIT", seconds=limits.QUIT_SECONDS)
        except Lost:
            return

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
