"""One socket: frames in, sessions' answers out. Knows TLS, compression, IDLE, deadlines; knows nothing of mail.

Everything that touches a mailbox runs in a thread (`Session.handle`), one call at a time. Commands that were sent ahead are handed over
together: a change of threads costs as much as a small command.
"""

import asyncio
import contextlib
import select
import ssl
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from bascule.platform.admission import Admission, network_of
from bascule.platform.certificate import Certificate
from bascule.platform.fair_threads import Threads
from bascule.platform.imap import limits
from bascule.platform.imap.commands.authenticate import takes_response
from bascule.platform.imap.read_ahead import ReadAhead
from bascule.platform.imap.session import Connection, Services, Session
from bascule.platform.imap.states import State
from bascule.platform.imap.turns import Turns
from bascule.platform.limits import WORK_SECONDS
from bascule.platform.spool import Room, Rooms, SpoolFile
from bascule.protocols.imap.answers import condition
from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.receiver import Announcement, Frame, Receiver, Refused, Sink
from bascule.protocols.imap.requests import BadRequest, Request, parse_request
from bascule.terms.location import is_loopback

_T = TypeVar("_T")
_ALONE = frozenset(("AUTHENTICATE", "IDLE", "STARTTLS", "COMPRESS", "LOGIN", "LOGOUT"))
"""After these the shell has something to do, or the limits change: what follows is not handed over with them."""
_BORDERS = frozenset(("STARTTLS", "COMPRESS"))
"""After these another layer begins: what follows is not read as it is."""
_SIGN_INS = frozenset(("LOGIN", "AUTHENTICATE"))
"""All that a stranger may say and that asks anybody: the rest is answered, or refused, at once."""


@dataclass(slots=True)
class Shared:
    """What the connections of a process share. ``watchers``: account → those who are to be woken when its mailbox changes. ``rooms``: for what the
    connections of an account send."""

    services: Services
    threads: Threads
    certificate: Certificate | None
    admission: Admission
    watchers: dict[str, set["ImapConnection"]] = field(default_factory=dict)
    connections: set["ImapConnection"] = field(default_factory=set)
    rooms: Rooms = field(
        default_factory=lambda: Rooms(lambda: Room(limits.HELD_OCTETS, limits.SPOOL_FILES, limits.SPOOLED_OCTETS))
    )
    turns: Turns = field(default_factory=Turns)


class ImapConnection(asyncio.BufferedProtocol):
    """``encrypted``: TLS begins before anything is said. It is a `bascule.platform.admission.Guest` from when it is accepted, so before the handshake."""

    def __init__(self, shared: Shared, *, encrypted: bool = False) -> None:
        self._shared = shared
        self._encrypted = encrypted
        self._loop = asyncio.get_running_loop()
        self.address = ""
        self.heard = self._loop.time()
        self.is_at_work = False
        self._receiver = Receiver(
            self._open_sink, limits.BEFORE_SIGN_IN, announce=self._announced, read_octets=limits.READ_OCTETS
        )
        self._frames = ReadAhead()
        self._room: Room | None = None
        self._file: SpoolFile | None = None
        self._counted = 0
        self._wake = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._at_border = False
        self._is_shaken = False
        self._paused = False
        self._failure: str | None = None
        self._lost = False
        self._news = False
        self._inflate: zlib._Decompress | None = None
        self._deflate: zlib._Compress | None = None
        self._compressed = memoryview(b"")
        self._packed = b""
        self._has_packed = False
        self._has_turn = False
        self._session: Session | None = None
        self._sign_in_until = self._loop.time() + limits.SIGN_IN_SECONDS
        self._watched: set[str] = set()

    # -- octets in ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._session is not None:  # the same connection, encrypted now
            return
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if not self._shared.admission.enter(self):
            self.turn_away()
            return
        if self._encrypted:
            transport.pause_reading()  # what comes is for the handshake
        from_here = not self.address or is_loopback(self.address)
        connection = Connection(
            self.address,
            from_here,
            can_encrypt=self._shared.certificate is not None,
            encrypted=self._encrypted,
            admit=lambda account: self._shared.admission.recognise(self, account),
            is_gone=self._is_gone,
        )
        self._session = Session(self._shared.services, connection)
        self._shared.connections.add(self)
        self._task = self._loop.create_task(self._serve(self._session))

    def turn_away(self) -> None:
        assert self._transport is not None
        self._lost = True
        self._wake.set()
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # it takes nothing
            return
        if not self._encrypted or self._is_shaken:
            self._send(condition(b"*", b"BYE", "too many connections; try again in a while", b"UNAVAILABLE"))
        self._transport.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Beneath TLS each record goes to a slice of it: of anything but a view that would be a copy, and what it got would be lost."""
        return self._compressed if self._inflate is not None else self._receiver.room()

    def buffer_updated(self, nbytes: int) -> None:
        self.heard = self._loop.time()
        if self._inflate is None:
            self._receiver.arrived(nbytes)
            self._take_frames()
        else:
            self._packed += self._compressed[:nbytes]
            self._has_packed = True
            self._pause()
            self._unpack_in_turn()

    def _take_frames(self) -> None:
        try:
            while not self._has_enough:
                frame = self._receiver.next_frame()
                if frame is None:
                    break
                self._file = None
                self._frames.append(frame)
                words = frame[0].split(b" ", 2) if isinstance(frame[0], bytes) else []
                self._at_border = len(words) > 1 and words[1].decode("latin-1").upper() in _BORDERS
        except RemoteError as error:
            self._fail(str(error))
        self._count()
        if self._has_enough:
            self._pause()
        self._wake.set()

    @property
    def _has_enough(self) -> bool:
        """Whether nothing more is to be read before something is carried out."""
        return self._at_border or self._frames.are_enough or self._receiver.is_undecided

    def _pause(self) -> None:
        if not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def _count(self) -> None:
        """What is held now, with what the account's other connections hold. Who makes that too much is not heard on."""
        if self._room is None:
            return
        held = self._receiver.held_octets + self._frames.octets + self._frames.taken_octets
        grown = max(0, held - limits.UNCOUNTED_OCTETS) - self._counted
        self._counted += grown
        if grown and not self._room.held.change(grown) and grown > 0:
            self._fail("too much is sent at once, by this program or by others that are signed in to this account")

    def _unpack_in_turn(self) -> None:
        """Once it is the account's turn: inflate what came. Nothing more is read before all of that is taken."""
        assert self._session is not None
        assert self._session.account is not None
        if not self._has_turn:
            self._has_turn = True
            self._shared.turns.ask(self._session.account.id, self._unpack)

    def _unpack(self) -> None:
        """As much as one turn allows. RFC 4978 §4"""
        assert self._inflate is not None
        self._has_turn = False
        left = limits.INFLATED_OCTETS
        try:
            while self._has_packed and left > 0 and not self._has_enough and self._failure is None:
                room = self._receiver.room()[:left]
                piece = self._inflate.decompress(self._packed, len(room))
                self._packed = self._inflate.unconsumed_tail
                self._has_packed = bool(self._packed) or len(piece) == len(room)
                room[: len(piece)] = piece
                self._receiver.arrived(len(piece))
                left -= len(piece)
                self._take_frames()
        except zlib.error:
            self._fail("what came is not compressed as it was announced")
        if self._inflate.eof:
            self._fail("the compressed octets have come to their end")
        self._read_on()

    def _open_sink(self, octets: int) -> Sink:
        """For a large literal. A stranger has none: what is said before the sign-in is short."""
        if self._room is None:
            return Refused()
        if self._file is None:
            self._file = SpoolFile(self._room)
        return self._file.open(octets)

    def _announced(self, octets: int, waits: bool) -> bool:
        """A literal is about to come: it is asked for, or refused before it is sent."""
        words = self._receiver.beginning.split(b" ", 2)
        is_message = len(words) > 1 and words[1].upper() == b"APPEND" and bool(self._watched)
        wanted = octets <= (self._shared.services.append_limit if is_message else limits.ARGUMENT_OCTETS)
        if wanted and is_message:
            if waits or self._is_asked_about(octets):  # in its turn, behind the commands that came before
                self._frames.append(self._receiver.announcement(octets, waits=waits))
        elif waits and wanted:
            self._send(b"+ go on\r\n")
        elif waits:
            self._file = None
            self._send(condition(words[0] or b"*", b"NO", "that is larger than this server takes", b"TOOBIG"))
        return wanted

    def _is_asked_about(self, octets: int) -> bool:
        """Whether the command's literals reach the next `UNASKED_OCTETS` with this one."""
        before = self._receiver.literals_octets
        return (before + octets) // limits.UNASKED_OCTETS > before // limits.UNASKED_OCTETS

    def eof_received(self) -> bool:
        self._lost = True
        self._wake.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._wake.set()
        self._writable.set()

    def _is_gone(self) -> bool:
        """For any thread. While commands that were sent ahead keep us from reading, the end of what comes is seen by asking."""
        if self._lost or self._transport is None:
            return True
        poll = select.poll()
        try:
            poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
            return bool(poll.poll(0))
        except (OSError, ValueError):  # it was closed this very moment
            return True

    def _fail(self, why: str) -> None:
        """After the answers that are due, say goodbye."""
        self._failure = self._failure or why
        self._pause()
        self._wake.set()

    # -- octets out ---------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _send(self, octets: bytes) -> None:
        if self._transport is None or self._transport.is_closing() or not octets:
            return
        if self._deflate is not None:
            octets = self._deflate.compress(octets) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._transport.write(octets)

    async def _write(self, octets: bytes) -> None:
        self._send(octets)
        if not self._writable.is_set():
            async with asyncio.timeout(limits.STALL_SECONDS):
                await self._writable.wait()

    # -- the conversation ---------------------------------------------------------------------------------------------

    async def _serve(self, session: Session) -> None:
        try:
            if self._encrypted and not await self._shake_hands():
                return
            await self._write(session.greet())
            await self._converse(session)
        except TimeoutError:
            self._send(condition(b"*", b"BYE", "nothing came for too long", b"UNAVAILABLE"))
        except ConnectionError:
            pass
        finally:
            self._shared.connections.discard(self)
            self._shared.admission.leave(self)
            self._watch(set())
            self._give_back()
            if session.account is None:
                session.close()
            else:
                await self._in_thread(session, session.close)
            if self._transport:
                self._transport.close()

    def _give_back(self) -> None:
        """It is over: nothing more is taken."""
        self._failure = self._failure or "it is over"
        self._frames.clear()
        self._receiver.drop()
        if self._room is not None:
            self._room.held.change(-self._counted)
        self._room = self._file = None

    async def _converse(self, session: Session) -> None:
        wrong = 0
        while session.state is not State.ENDED:
            if self._at_border and not self._frames:
                self._cross_border()
            frame = await self._next_frame_in_time(session)
            if frame is None:
                return
            requests = self._requests(frame)
            self._read_on()
            if isinstance(requests, bytes):
                wrong += 1
                self._settle(session.connection, frame)
                await self._write(requests)
                if wrong > (limits.STRANGERS_WRONG_COMMANDS if session.account is None else limits.WRONG_COMMANDS):
                    self._send(condition(b"*", b"BYE", "this is not IMAP"))
                    return
                del frame
                continue
            wrong = 0
            if requests[0].name == "AUTHENTICATE" and not await self._complete(session, requests):
                continue
            await self._answer(session, requests)
            await self._after(session, requests[-1])
            del frame, requests  # what they hold is not kept while the next one is waited for

    async def _next_frame_in_time(self, session: Session) -> Frame | None:
        """As `_next_frame`. Raises TimeoutError: who has not signed in has a certain time for all of it, however much they say meanwhile."""
        if session.state is State.NOT_SIGNED_IN:
            until = min(self._loop.time() + limits.STRANGER_SECONDS, self._sign_in_until)
        else:
            until = self._loop.time() + limits.IDLE_SECONDS
        async with asyncio.timeout_at(until):
            return await self._next_frame()

    async def _next_frame(self) -> Frame | None:
        """None: the connection is over."""
        while not self._frames:
            if self._failure is not None:
                self._send(condition(b"*", b"BYE", self._failure))
                return None
            if self._lost:
                return None
            self._frames.done()
            self._receiver.give_back()
            self._count()
            self._wake.clear()
            await self._wake.wait()
        self._frames.done()
        frame = self._frames.popleft()
        self._read_on()
        return frame

    def _read_on(self) -> None:
        """Once more than half of what was read ahead is taken, read again. To be called after each taking: nothing else begins it."""
        wanted = self._failure is None and not self._at_border and self._frames.are_few
        if not wanted or not self._paused or self._receiver.is_undecided:
            return
        if self._has_packed:
            self._unpack_in_turn()
            return
        self._paused = False
        if self._transport:
            self._transport.resume_reading()
        self._loop.call_soon(self._take_frames)

    def _requests(self, frame: Frame) -> list[Request] | bytes:
        """What ``frame`` asks, and what follows it and may be handed over with it; or the reply to what is no command."""
        requests: list[Request] = []
        while True:
            try:
                request = parse_request(frame)
            except BadRequest as error:
                return condition(error.tag or b"*", b"BAD", str(error))
            requests.append(request)
            if request.name in _ALONE or isinstance(frame, Announcement) or not self._frames or not self._watched:
                return requests
            frame = self._frames[0]
            if isinstance(frame, Announcement):
                return requests
            words = frame[0].split(b" ", 2) if isinstance(frame[0], bytes) else []
            if len(words) < 2 or words[1].decode("latin-1").upper() in _ALONE:
                return requests
            try:
                parse_request(frame)
            except BadRequest:
                return requests
            self._frames.popleft()

    async def _complete(self, session: Session, requests: list[Request]) -> bool:
        """AUTHENTICATE without an initial response: ask for it. RFC 9051 §6.2.2"""
        request = requests[0]
        first = request.frame[0]
        assert isinstance(first, bytes)
        if not takes_response(session, request):
            return True
        await self._write(b"+ \r\n")
        frame = await self._next_frame_in_time(session)
        if frame is None:
            return False
        response = frame[0] if len(frame) == 1 and isinstance(frame[0], bytes) else b"*"
        if response == b"*" or b" " in response:
            await self._write(condition(request.tag, b"BAD", "AUTHENTICATE was given up"))
            return False
        requests[0] = Request(
            request.tag, request.name, request.uid, [first + b" " + (response or b"=")], request.start
        )
        return True

    async def _answer(self, session: Session, requests: list[Request]) -> None:
        pieces = _pieces(session, requests)
        is_quick = session.account is None and _SIGN_INS.isdisjoint(request.name for request in requests)
        frame = requests[0].frame
        is_announced = isinstance(frame, Announcement)
        # What changes how the next octets are read (signed in, TLS) is changed right behind the answer: whoever has heard it sends them at once.
        is_whole = is_announced or requests[0].name in _ALONE
        done = False
        while not done:
            if is_quick:
                octets, done = _gather(session.connection, pieces, is_whole=is_whole)
                await asyncio.sleep(0)  # others have their turn, however much was sent ahead
            else:
                octets, done = await self._in_thread(
                    session, lambda: _gather(session.connection, pieces, is_whole=is_whole)
                )
            if is_announced:  # whoever has heard the answer may go on at once, with a command or with the message
                self._settle(session.connection, frame)
            await self._write(octets)
            if self._lost:
                if not is_quick:
                    await self._in_thread(session, pieces.close)  # what it has open is closed there
                return
            if session.connection.rests:
                session.connection.rests = False
                await asyncio.sleep(limits.REST_SECONDS)

    async def _after(self, session: Session, request: Request) -> None:
        """What the command asked of the connection."""
        connection = session.connection
        if session.account is not None and not self._watched:
            self._receiver.limits = limits.SIGNED_IN
            self._frames.most_octets, self._frames.most_frames = limits.WAITING_OCTETS, limits.FRAMES_WAITING
            self._room = self._shared.rooms.of(session.account.id)
        self._watch(session.watched)
        if connection.wants_tls:
            connection.wants_tls = False
            await self._start_tls(connection)
        elif connection.wants_compression:
            connection.wants_compression = False
            self._start_compression(connection)
        if connection.idles:
            await self._idle(session, request)

    def _settle(self, connection: Connection, frame: Frame) -> None:
        """A message that was announced and not asked for will not come, or not be kept, whatever its command was answered."""
        is_asked_for, connection.asks_for_literal = connection.asks_for_literal, False
        if not isinstance(frame, Announcement):
            return
        if is_asked_for:
            self._receiver.go_on(frame)
        else:
            self._receiver.forget(frame)
            self._file = None
        self._read_on()

    # -- IDLE ---------------------------------------------------------------------------------------------------------

    async def _idle(self, session: Session, request: Request) -> None:
        """Raises TimeoutError, and never while a thread works for the session: who awaits one may be cancelled, the thread goes on."""
        session.connection.idles = False
        until = self._loop.time() + limits.IDLE_SECONDS
        while not self._frames and not self._lost and self._failure is None:
            if session.connection.looks_again:
                session.connection.looks_again = False
                self._loop.call_later(limits.LOOK_AGAIN_SECONDS, self.wake)
            self._wake.clear()
            if self._loop.time() >= until:
                raise TimeoutError
            if not self._news:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
            if self._news:
                self._news = False
                news = await self._in_thread(session, lambda: b"".join(session.idle_news()))
                await self._write(news)
                if session.state is State.ENDED:
                    return
        if self._frames:
            frame = self._frames.popleft()
            is_done = len(frame) == 1 and isinstance(frame[0], bytes) and frame[0].upper() == b"DONE"
            reply = (b"OK", "IDLE ended") if is_done else (b"BAD", "DONE was expected")
            await self._write(condition(request.tag, *reply))
            self._settle(session.connection, frame)

    def wake(self) -> None:
        """The mailbox changed: who is in IDLE looks at it now, others with their next command."""
        self._news = True
        self._wake.set()

    def _watch(self, accounts: set[str]) -> None:
        """Be woken when one of their mailboxes changes, and no other's."""
        for account in self._watched - accounts:
            watchers = self._shared.watchers.get(account, set())
            watchers.discard(self)
            if not watchers:
                self._shared.watchers.pop(account, None)
        for account in accounts - self._watched:
            self._shared.watchers.setdefault(account, set()).add(self)
        self._watched = accounts

    async def _in_thread(self, session: Session, call: Callable[[], _T]) -> _T:
        threads, account = self._shared.threads, session.account
        self.is_at_work = True
        try:
            if account is None:
                return await threads.strangers.run(network_of(self.address), call)
            return await threads.members.run(account.id, call)
        finally:
            self.is_at_work = False

    # -- other layers -------------------------------------------------------------------------------------------------

    async def _start_tls(self, connection: Connection) -> None:
        """What came in clear after STARTTLS is thrown away, unread: an attacker may have put it there (CVE-2011-0411)."""
        assert self._transport is not None
        self._receiver.take_rest()
        self._frames.clear()
        if await self._shake_hands():
            connection.encrypted = True
            self._cross_border()

    async def _shake_hands(self) -> bool:
        """Whether TLS stands; otherwise the connection is over."""
        assert self._transport is not None
        certificate = self._shared.certificate
        assert certificate is not None
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                certificate.context,
                server_side=True,
                ssl_handshake_timeout=limits.HANDSHAKE_SECONDS,
            )
        except (ssl.SSLError, ConnectionError, OSError):
            self._lost = True
            return False
        assert transport is not None
        self._transport, self._is_shaken = transport, True
        return True

    def _start_compression(self, connection: Connection) -> None:
        rest = self._receiver.take_rest()
        self._deflate = zlib.compressobj(level=3, wbits=-zlib.MAX_WBITS)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._compressed = memoryview(bytearray(limits.COMPRESSED_OCTETS))
        connection.compressed = True
        self._packed, self._has_packed = rest, bool(rest)
        self._cross_border()

    def _cross_border(self) -> None:
        self._at_border = False
        self._take_frames()
        self._read_on()

    async def end(self, why: str) -> None:
        """The server stops: say so, and close once the answer in progress is written."""
        self._fail(why)
        if self._task is not None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(asyncio.shield(self._task), 5.0)


def _pieces(session: Session, requests: list[Request]) -> Generator[bytes, None, None]:
    """Behind a BYE nothing is done, and nothing answered (RFC 9051 §7.1.5)."""
    for request in requests:
        if session.state is State.ENDED:
            return
        yield from session.handle(request)


def _gather(connection: Connection, pieces: Iterator[bytes], *, is_whole: bool) -> tuple[bytes, bool]:
    """In a thread: up to about WRITE_OCTETS of the answer, or what can be made of it in WORK_SECONDS, but for an answer that is to be written ``is_whole``;
    and whether that was its end."""
    held: list[bytes] = []
    size = 0
    until = time.monotonic() + WORK_SECONDS
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if not is_whole and (size >= limits.WRITE_OCTETS or connection.rests or time.monotonic() > until):
            return b"".join(held), False
    return b"".join(held), True
