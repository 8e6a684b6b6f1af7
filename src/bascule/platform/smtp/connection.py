"""One connection of an SMTP client: octets, TLS, deadlines. What is said is `bascule.platform.smtp.session`'s."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from bascule.platform.admission import Admission, network_of
from bascule.platform.certificate import Certificate
from bascule.platform.fair_threads import Threads
from bascule.platform.smtp import limits
from bascule.platform.smtp.accepting import Steps
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.rooms import members_room, strangers_room
from bascule.platform.smtp.session import Expects, Peer, Services, Session
from bascule.platform.spool import Room, Rooms
from bascule.protocols.smtp import LineTooLong, SmtpReceiver, format_reply
from bascule.terms.location import is_loopback

_T = TypeVar("_T")
_TOGETHER = (b"MAIL", b"RCPT", b"RSET", b"NOOP", b"DATA", b"VRFY", b"HELP")
"""Commands that may be answered together (PIPELINING, RFC 2920 §3.1)."""


@dataclass(slots=True)
class SmtpShared:
    """What the connections of one process share. ``strangers``, ``members``: for what they send. ``buffer``: what comes is put there, and taken out in the
    same turn of the event loop."""

    services: Services
    threads: Threads
    certificate: Certificate | None
    admission: Admission
    connections: set["SmtpConnection"] = field(default_factory=set)
    strangers: Room = field(default_factory=strangers_room)
    members: Rooms = field(default_factory=lambda: Rooms(members_room))
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(limits.READ_OCTETS)))


class SmtpConnection(asyncio.BufferedProtocol):
    """``encrypted``: TLS begins before anything is said. It is a `bascule.platform.admission.Guest` from when it is accepted, so before the handshake."""

    def __init__(self, shared: SmtpShared, role: Role, *, encrypted: bool = False) -> None:
        self._shared = shared
        self._role = role
        self._encrypted = encrypted
        self._loop = asyncio.get_running_loop()
        self.address = ""
        self.heard = self._loop.time()
        self.is_at_work = False
        self._receiver = SmtpReceiver()
        self._arrived = bytearray()
        self._room = shared.strangers
        self._counted = 0
        self._wake = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        self._lost = False
        self._closed = False
        self._ending = False
        self._is_shaken = False

    # -- octets -------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._session is not None:  # the same connection, encrypted now
            return
        name = transport.get_extra_info("peername")
        self.address = str(name[0]) if isinstance(name, tuple) else ""
        if not self._shared.admission.enter(self):
            self.turn_away()
            return
        if self._encrypted:
            transport.pause_reading()  # what comes is for the handshake
        peer = Peer(
            self.address,
            not self.address or is_loopback(self.address),
            self._encrypted,
            admit=lambda account: self._shared.admission.recognise(self, account),
            room=lambda: self._room,
        )
        self._session = Session(self._shared.services, self._role, peer)
        self._shared.connections.add(self)
        self._task = self._loop.create_task(self._serve(self._session))

    def turn_away(self) -> None:
        assert self._transport is not None
        self._lost = self._closed = True
        self._wake.set()
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # it takes nothing
            return
        if not self._encrypted or self._is_shaken:
            self._transport.write(format_reply(421, "4.7.0", "too many connections; try again later"))
        self._transport.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.heard = self._loop.time()
        self._arrived += self._shared.buffer[:nbytes]
        if (
            (not self._count() or len(self._arrived) > limits.READ_AHEAD_OCTETS)
            and not self._paused
            and self._transport
        ):
            self._paused = True
            self._transport.pause_reading()
        self._wake.set()

    def _count(self) -> bool:
        """What waits here, and in the receiver, is counted with what others sent. False: there is too much of it."""
        held = len(self._arrived) + len(self._receiver)
        grown, self._counted = held - self._counted, held
        return self._room.held.change(grown)

    def _move(self, room: Room) -> None:
        """From here on it is counted there."""
        self._room.held.change(-self._counted)
        self._room, self._counted = room, 0

    def eof_received(self) -> bool:
        self._lost = True
        self._wake.set()
        return not (
            self._encrypted or (self._session is not None and self._session.peer.is_encrypted)
        )  # what came before it is still answered

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._closed = True
        self._wake.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def _write(self, octets: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(octets)
        if not self._writable.is_set():
            async with asyncio.timeout(limits.STALL_SECONDS):
                await self._writable.wait()

    async def _more(self) -> bool:
        """Give what arrived to the receiver, waiting for it; False: nothing will come. Octets are kept apart until then: a thread may be
        reading what the receiver has."""
        while not self._arrived:
            if self._lost or self._ending:
                return False
            self._wake.clear()
            async with asyncio.timeout(limits.COMMAND_SECONDS):
                await self._wake.wait()
        self._receiver.feed(bytes(self._arrived))
        self._arrived.clear()
        if self._paused and self._transport:
            self._paused = False
            self._transport.resume_reading()
        return True

    # -- the conversation ---------------------------------------------------------------------------------------------

    async def _serve(self, session: Session) -> None:
        try:
            if self._encrypted and not await self._shake_hands():
                return
            await self._write(session.greet())
            await self._converse(session)
        except TimeoutError:
            with contextlib.suppress(TimeoutError):
                await self._write(format_reply(421, "4.4.2", "nothing came for too long; goodbye"))
        finally:
            self._shared.connections.discard(self)
            self._shared.admission.leave(self)
            session.close()
            self._move(strangers_room())  # nobody's
            if self._transport:
                self._transport.close()

    async def _converse(self, session: Session) -> None:
        """Until the client ends, or is gone: what it had sent ahead is answered as long as it can hear it (RFC 2920 §3.1), and no longer."""
        while session.expects is not Expects.END and not self._closed:
            if session.expects is Expects.MESSAGE:
                if not await self._take_message(session):
                    return
                continue
            try:
                lines = self._lines(session)
            except LineTooLong:
                await self._write(format_reply(500, "5.5.6", "that line is too long; goodbye"))
                return
            if not lines:
                if not await self._more():
                    if self._ending:
                        await self._write(
                            format_reply(421, "4.3.2", "the server is being stopped; come back in a moment")
                        )
                    return
                continue
            await self._write(await self._answer(session, lines))
            self._settle(session)
            if session.expects is Expects.TLS and not await self._start_tls(session):
                return

    def _settle(self, session: Session) -> None:
        """Who has signed in is a stranger no more."""
        account = session.peer.account
        room = self._shared.strangers if account is None else self._shared.members.of(account.id)
        if room is not self._room:
            self._move(room)
        self._count()

    async def _answer(self, session: Session, lines: list[bytes]) -> bytes:
        if all(map(session.is_at_hand, lines)):
            replies: list[bytes] = []
            for first in range(0, len(lines), limits.ANSWERED_AT_ONCE):
                if first or len(self._receiver):
                    await asyncio.sleep(0)  # others have their turn, however much was sent ahead
                replies += map(session.take, lines[first : first + limits.ANSWERED_AT_ONCE])
            return b"".join(replies)
        return await self._in_thread(session, lambda: b"".join(map(session.take, lines)))

    def _lines(self, session: Session) -> list[bytes]:
        """The next line, and those after it that may be answered together with it; DATA, and all that changes what is expected, ends them."""
        found: list[bytes] = []
        while (line := self._receiver.next_line()) is not None:
            found.append(line)
            word = line[:4].upper()
            if session.expects is not Expects.LINE or word not in _TOGETHER or word == b"DATA" or len(found) >= 100:
                break
        return found

    async def _take_message(self, session: Session) -> bool:
        """Until its end; False: the connection is over before."""
        transaction = session.transaction
        assert transaction is not None
        assert transaction.incoming is not None
        sink = transaction.incoming.write
        while True:
            if len(self._receiver) > limits.READ_AHEAD_OCTETS // 4:  # enough to take a while: not here
                is_whole = await self._in_thread(session, lambda: self._receiver.take_message(sink))
            else:
                is_whole = self._receiver.take_message(sink)
            self._count()
            if is_whole:
                break
            if not await self._more():
                return False
        await self._write(await self._finish(session))
        return True

    async def _finish(self, session: Session) -> bytes:
        """The reply to a message. No thread is held while it waits for others on their way to the same mailbox."""
        steps = session.finishing()
        self.is_at_work = True
        try:
            while not isinstance(step := await self._within_thread(session, lambda: _next(steps)), bytes):
                try:
                    await asyncio.wrap_future(step)
                except BaseException:
                    steps.close()
                    raise
            return step
        finally:
            self.is_at_work = False

    async def _in_thread(self, session: Session, call: Callable[[], _T]) -> _T:
        self.is_at_work = True
        try:
            return await self._within_thread(session, call)
        finally:
            self.is_at_work = False

    async def _within_thread(self, session: Session, call: Callable[[], _T]) -> _T:
        threads, account = self._shared.threads, session.peer.account
        if account is not None:
            return await threads.members.run(account.id, call)
        shared = threads.strangers if self._role is Role.SUBMISSION else threads.arriving
        return await shared.run(network_of(self.address), call)

    async def _start_tls(self, session: Session) -> bool:
        """What came in clear after STARTTLS is thrown away, unread: an attacker may have put it there (CVE-2011-0411)."""
        assert self._transport is not None
        self._transport.pause_reading()
        self._receiver.drop()
        self._arrived.clear()
        if not await self._shake_hands():
            return False
        session.secured()
        return True

    async def _shake_hands(self) -> bool:
        """Whether TLS stands; otherwise the connection is over."""
        assert self._transport is not None
        assert self._shared.certificate is not None
        try:
            transport = await self._loop.start_tls(
                self._transport, self, self._shared.certificate.context, server_side=True, ssl_handshake_timeout=limits.HANDSHAKE_SECONDS
            )  # fmt: skip
        except (ssl.SSLError, ConnectionError, OSError):
            return False
        assert transport is not None
        self._transport, self._paused, self._is_shaken = transport, False, True
        return True

    async def end(self) -> None:
        """The server stops: what is being answered is answered, the client is told, and the connection closed."""
        self._ending = True
        self._wake.set()
        if self._task is not None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(asyncio.shield(self._task), 5.0)


def _next(steps: Steps[bytes]) -> "Future[None] | bytes":
    """What is to be waited for, or the reply."""
    try:
        return next(steps)
    except StopIteration as end:
        return bytes(end.value)
