"""One IMAP connection: octets to responses, responses to the command they belong to, and back-pressure both ways."""

import asyncio
import contextlib
import zlib
from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import Any, cast

from bascule.protocols.imap import DEFAULT_LIMITS, Limits, Receiver, RemoteError
from bascule.protocols.imap.commands import Command, Wait
from bascule.protocols.imap.fetch import Fetch
from bascule.protocols.imap.receiver import Frame, Sink
from bascule.protocols.imap.refusals import WAIT, meaning_of_condition
from bascule.protocols.imap.responses import (
    Condition,
    Continuation,
    Exists,
    Expunge,
    Response,
    Vanished,
    parse_response,
)
from bascule.protocols.imap.tokens import as_text
from bascule.terms.body import SpoolError
from bascule.terms.printable import CHARACTERS, printable
from bascule.wire.errors import BareLineEnd, CommandRefused, ConnectionLost
from bascule.wire.imap.redaction import NOTHING_SECRET, Redaction
from bascule.wire.imap.stalls import StallWatch, unacknowledged
from bascule.wire.limits import (
    DEFAULT_WIRE_LIMITS,
    INFLATED_OCTETS,
    RESPONSE_WORK_OCTETS,
    TOLD_OCTETS,
    WORK_OCTETS,
    WireLimits,
)

Handler = Callable[[Response], object]
"""Takes an untagged response. What it returns is true where the response tells what the command asked for; any other is no progress."""
_COMPRESSED_OCTETS = 64 * 1024
"""Read at once of a compressed stream. It is inflated in portions of `INFLATED_OCTETS`, between which nothing more is read."""


class Pending:
    """A command that was sent and is not answered yet. ``handler`` takes untagged responses; None: those of this command say nothing that
    its caller asked for. ``contents``: it asks for contents of messages. ``told_octets``: of the responses that came for it, beside these."""

    __slots__ = ("contents", "continued", "done", "handler", "name", "tag", "told_octets")

    def __init__(
        self, tag: str, name: str, handler: Handler | None, loop: asyncio.AbstractEventLoop, *, contents: bool = False
    ) -> None:
        self.tag = tag
        self.name = name
        self.handler = handler
        self.contents = contents
        self.done: asyncio.Future[Condition] = loop.create_future()
        self.continued: deque[asyncio.Future[bytes]] = deque()
        self.told_octets = 0

    def take(self, response: Response, octets: int) -> bool:
        """Give the handler a response of ``octets``. Whether it tells what was asked for. Raises RemoteError past `TOLD_OCTETS`."""
        self.told_octets += octets
        if self.told_octets > TOLD_OCTETS:
            raise RemoteError(f"it answers {self.name} with more than {TOLD_OCTETS:,} octets")
        return self.handler is not None and bool(self.handler(response))

    async def answer(self) -> Condition:
        """The tagged response, whatever its status. Raises ConnectionLost."""
        return await asyncio.shield(self.done)

    async def ok(self) -> Condition:
        """The tagged OK. Raises CommandRefused for NO and BAD, ConnectionLost."""
        condition = await self.answer()
        if condition.status != "OK":
            code = condition.code.name if condition.code else None
            raise CommandRefused(self.name, condition.status, code, condition.reason)
        return condition


_CONTENTS = attrgetter("contents")


class Connection(asyncio.BufferedProtocol):
    """The shell around `Receiver`. Made by `opening`, used by `client`.

    What came is worked on in turns, between which the event loop has its own: `WORK_OCTETS` a turn, and of a compressed stream `INFLATED_OCTETS`. As
    long as something of it is left, and while somebody holds the connection, nothing more is read.
    """

    def __init__(
        self,
        open_sink: Callable[[int], Sink],
        limits: Limits = DEFAULT_LIMITS,
        wire_limits: WireLimits = DEFAULT_WIRE_LIMITS,
        redaction: Redaction = NOTHING_SECRET,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = wire_limits
        self._imap_limits = limits
        self._open_sink = open_sink
        self._receiver = Receiver(self._open_asked_sink, limits)
        self._redaction = redaction
        self._transport: asyncio.Transport | None = None
        self._pending: deque[Pending] = deque()
        self._next_tag = 0
        self._greeting: asyncio.Future[Condition] = self._loop.create_future()
        self._failure: ConnectionLost | SpoolError | None = None
        self._border: Pending | None = None
        self._at_border = False
        self._closed = self._loop.create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._sending = asyncio.Lock()
        self._holders = 0
        self._stalls = StallWatch(self._loop.time, wire_limits)
        self._watch: asyncio.TimerHandle | None = None
        self._ended: ConnectionLost | None = None
        """Why there will come no more; what came before is worked on still."""
        self._turn: asyncio.Handle | None = None
        self._has_frames = False
        self._unasked_octets = 0
        self._inflate: zlib._Decompress | None = None
        self._compressed = memoryview(b"")
        self._packed = b""
        self._has_packed = False
        self._deflate: zlib._Compress | None = None
        self.octets_received = 0
        self.octets_sent = 0
        self.counted = 0
        """Messages in the selected folder, as the server told last. RFC 9051 §7.4.1, §7.5.1"""

    # -- asyncio.BufferedProtocol -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=2 * self._limits.write_octets)
        if self._watch is None:
            self._watch = self._loop.call_later(self._limits.stall_seconds / 4, self._look_for_stall)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Straight into the receiver, so that an octet is not copied on its way there (compressed ones must be)."""
        return self._receiver.room() if self._inflate is None else self._compressed

    def buffer_updated(self, nbytes: int) -> None:
        self.octets_received += nbytes
        if self._failure:
            return
        if self._inflate is None:
            self._receiver.arrived(nbytes)
            self._has_frames = True
        else:
            self._packed += self._compressed[:nbytes]
            self._has_packed = True
        if self._turn is None:
            self._take_turn(nbytes if self._inflate is None else 0)

    def _take_turn(self, arrived: int = 0) -> None:
        """Work on what came, of which ``arrived`` octets are news, as much as one turn allows; then read on, or ask for another turn."""
        self._turn = None
        if self._failure or self._holders:
            return
        if self._at_border:
            self._read_on()
            return
        try:
            if self._has_packed and not self._has_frames:
                arrived += self._unpack()
            self._has_frames = self._read_frames()
            self._stalls.received(arrived)
        except (RemoteError, zlib.error) as error:
            self.abort(f"the server sent something that is not IMAP: {error}")
        except SpoolError as error:  # our disk is full, on this connection as on the next one
            self._give_up(error)
        else:
            self._read_on()

    def _unpack(self) -> int:
        """Inflate a portion; how many octets it has now. Raises zlib.error. RFC 4978 §4"""
        assert self._inflate is not None
        room = self._receiver.room()[:INFLATED_OCTETS]
        piece = self._inflate.decompress(self._packed, len(room))
        if self._inflate.eof:
            raise zlib.error("its compressed stream has an end")
        self._packed = self._inflate.unconsumed_tail
        self._has_packed = bool(self._packed) or len(piece) == len(room)
        room[: len(piece)] = piece
        self._receiver.arrived(len(piece))
        return len(piece)

    def _read_on(self) -> None:
        """Have another turn where something is left, and read where nothing is. Nobody's octets are read who holds the connection."""
        if self._transport is None or self._holders or self._failure:
            return
        is_there = self._ended is None and not self._transport.is_closing()
        if (self._has_frames or self._has_packed) and not self._at_border:
            if is_there:
                self._transport.pause_reading()
            self._turn = self._turn or self._loop.call_soon(self._take_turn)
        elif self._ended is not None:
            self._fail(self._ended)
        elif is_there:
            self._transport.resume_reading()

    def _read_frames(self) -> bool:
        """Those that are complete; True: some may be left for another turn."""
        left, next_frame = WORK_OCTETS, self._receiver.next_frame
        while left > 0 and not self._holders:
            if self._at_border or (frame := next_frame()) is None:
                return False
            left -= RESPONSE_WORK_OCTETS
            if not self._greeting.done():
                self._greet(frame)
                continue
            octets = sum(len(part) for part in frame if isinstance(part, bytes))
            response = parse_response(frame, self._imap_limits)
            if isinstance(response, Fetch) and isinstance(response.data.body, bytes) and self._asks_for_contents():
                octets -= len(response.data.body)
            left -= octets
            if not self._dispatch(self._redaction.clean_response(response), octets):
                self._stalls.in_vain(octets + len(b"\r\n") * len(frame))
        return True

    def _asks_for_contents(self) -> bool:
        return any(map(_CONTENTS, self._pending))

    def _open_asked_sink(self, octets: int) -> Sink:
        """For a large literal, which nothing but the content of a message can be. Raises RemoteError where none was asked for."""
        if not self._asks_for_contents():
            raise RemoteError(f"it gives a string of {octets:,} octets that was not asked for")
        return self._open_sink(octets)

    def connection_lost(self, exc: Exception | None) -> None:
        """What came before it is worked on first: a TLS server may say good-bye right behind its answer."""
        self._ended = ConnectionLost(str(exc) or type(exc).__name__ if exc else "the server closed the connection")
        if self._watch:
            self._watch.cancel()
        if not self._closed.done():
            self._closed.set_result(None)
        self._read_on()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _greet(self, frame: Frame) -> None:
        """The first frame: OK, PREAUTH or BYE (RFC 9051 §7.1), or else what is there is no IMAP server."""
        first = frame[0] if isinstance(frame[0], bytes) else b""
        greeting = parse_response(frame, self._imap_limits) if first.startswith(b"* ") else None
        if not isinstance(greeting, Condition):
            raise RemoteError(f"its first line is “{printable(self._redaction.clean(as_text(first)), 80)}”")
        self._greeting.set_result(self._redaction.clean_condition(greeting))

    # -- receiving ----------------------------------------------------------------------------------------------------

    def _dispatch(self, response: Response, octets: int) -> bool:
        """Whether it tells what was asked for. ``octets``: of the response, without the content of a message that was asked for."""
        if isinstance(response, Condition):
            if response.tag is not None:
                self._stalls.answered()
                self._answered(response)
                return True
            if response.status == "BYE":
                asks = meaning_of_condition(response, at_sign_in=True) in WAIT
                self._fail(ConnectionLost(f"the server said goodbye: {response.reason}", asks_to_wait=asks))
        elif isinstance(response, Continuation):
            self._continued(response)
            return True
        elif isinstance(response, Exists | Expunge | Vanished):
            self._count(response)
        # A server may answer a command before it ends the ones in front of it: Dovecot gives what FETCH asks for before the OK of an APPEND.
        for pending in self._pending:
            if pending.handler is not None:
                return pending.take(response, octets)
        if self._pending:
            return self._pending[0].take(response, octets)
        self._unasked_octets += octets
        if self._unasked_octets > TOLD_OCTETS:
            raise RemoteError(f"it says more than {TOLD_OCTETS:,} octets without being asked")
        return False

    def _count(self, response: Exists | Expunge | Vanished) -> None:
        match response:
            case Exists(number):
                self.counted = number
            case Expunge():
                self.counted -= 1
            case Vanished(earlier=False, uids=uids):
                self.counted -= sum(last - first + 1 for first, last in uids)

    def _answered(self, response: Condition) -> None:
        for place, pending in enumerate(self._pending):
            if pending.tag == response.tag:
                del self._pending[place]
                self._at_border = pending is self._border
                if not pending.done.done():
                    pending.done.set_result(response)
                for waiting in pending.continued:
                    if not waiting.done():
                        waiting.cancel()
                return
        raise RemoteError(f"an answer to a command that we did not send: {response.tag!r}")

    def _continued(self, response: Continuation) -> None:
        for pending in self._pending:
            for waiting in pending.continued:
                if not waiting.done():
                    waiting.set_result(response.text)
                    return
        raise RemoteError("a continuation that no command waits for")

    def hold(self) -> None:
        """Stop reading until `release`: the caller has more than it wants to hold. Calls nest."""
        self._holders += 1
        if self._holders == 1 and self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    def release(self) -> None:
        self._holders -= 1
        if self._holders == 0:
            self._stalls.begin()
            self._read_on()

    def _look_for_stall(self) -> None:
        busy = bool(self._pending) or not self._greeting.done()
        if not busy or self._holders:
            self._stalls.begin()
        else:
            self._stalls.taken(self.octets_sent - self._on_their_way())
            if self._receiver.ends_with_lf_alone and self._stalls.silent_seconds > self._limits.bare_line_seconds:
                self._give_up(BareLineEnd("the server ended its line with LF alone, without CR"))
                return
            if reason := self._stalls.reason():
                self.abort(reason)
                return
        self._watch = self._loop.call_later(self._limits.stall_seconds / 4, self._look_for_stall)

    def _on_their_way(self) -> int:
        """Octets of ours that the server has not taken yet, here and in the kernel."""
        if self._transport is None or self._transport.is_closing():
            return 0
        return self._transport.get_write_buffer_size() + unacknowledged(self._transport)

    # -- sending ------------------------------------------------------------------------------------------------------

    def sending(self) -> asyncio.Lock:
        """Held by whoever sends one command's octets, from its tag to its CRLF."""
        return self._sending

    def begin(self, name: str, handler: Handler | None = None, *, contents: bool = False) -> Pending:
        """A tag for a command whose octets are about to be written; ``contents``: it asks for contents of messages. Raises ConnectionLost."""
        if self._failure:
            raise self._lost()
        self._next_tag += 1
        pending = Pending(f"b{self._next_tag}", name, handler, self._loop, contents=contents)
        if not self._pending:
            self._stalls.begin()
            self._unasked_octets = 0
        self._pending.append(pending)
        return pending

    def begin_border(self, name: str) -> Pending:
        """Like `begin`, for a command after whose answer another layer starts: what follows the answer stays unread."""
        self._border = self.begin(name)
        return self._border

    def cross_border(self) -> None:
        """The new layer is there: go on reading."""
        self._border = None
        self._at_border = False
        self._has_frames = True
        self._read_on()

    async def start(self, command: Command, handler: Handler | None = None, *, contents: bool = False) -> Pending:
        """Send one command; its answer is awaited on what this returns. ``contents``: as for `begin`."""
        async with self._sending:
            pending = self.begin(command.name, handler, contents=contents)
            held = pending.tag.encode() + b" "
            for segment in command.segments:
                if isinstance(segment, Wait):
                    await self.write(held)
                    held = b""
                    if not await self.continuation(pending):
                        return pending
                else:
                    held += segment
            await self.write(held + b"\r\n")
        return pending

    async def write_line(self, pending: Pending, command: Command) -> None:
        """A command that has a tag already and nothing to wait for, on its way. Raises ConnectionLost."""
        await self.write(pending.tag.encode() + b" " + command.line + b"\r\n")

    async def continuation(self, pending: Pending) -> bool:
        """Wait for ``+``; False when the command was answered instead (refused before its literal)."""
        return await self.challenge(pending) is not None

    async def challenge(self, pending: Pending) -> bytes | None:
        """The text after ``+``, or None when the command was answered instead."""
        waiting: asyncio.Future[bytes] = self._loop.create_future()
        pending.continued.append(waiting)
        either: list[asyncio.Future[Any]] = [waiting, pending.done]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done() and not waiting.cancelled():
            pending.continued.remove(waiting)
            return waiting.result()
        if pending.done.exception():
            raise self._lost()
        return None

    async def write(self, octets: bytes | bytearray) -> None:
        """Hand octets to the socket; returns when its buffer has room again. Raises ConnectionLost."""
        if self._failure or self._transport is None:
            raise self._lost()
        self.octets_sent += len(octets)
        if self._deflate:
            octets = self._deflate.compress(octets) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        # In slices: what the socket does not take at once is copied, and moved at each further send.
        step = self._limits.write_octets
        with memoryview(octets) as view:
            for start in range(0, len(octets), step):
                self._transport.write(view[start : start + step])
                if not self._writable.is_set():
                    await self._writable.wait()
                    if self._failure:
                        raise self._lost()

    # -- layers and the end -------------------------------------------------------------------------------------------

    async def greeting(self) -> Condition:
        return await self._greeting

    @property
    def transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise self._lost()
        return self._transport

    def replace_transport(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    @property
    def is_open(self) -> bool:
        """False once it has ended, by whoever."""
        return self._failure is None

    def nothing_is_buffered(self) -> bool:
        """True when the server sent nothing after its last answer: asked before TLS starts (RFC 9051 §6.2.1)."""
        return self._receiver.is_between_frames

    def start_compression(self) -> None:
        """RFC 4978: raw DEFLATE both ways, from the octet after the tagged OK on."""
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._compressed = memoryview(bytearray(_COMPRESSED_OCTETS))
        self._deflate = zlib.compressobj(level=3, wbits=-zlib.MAX_WBITS)
        self._packed = self._receiver.take_rest()
        self._has_packed = bool(self._packed)
        self.cross_border()

    def _fail(self, failure: ConnectionLost | SpoolError) -> None:
        if self._failure is None:
            self._failure = failure
        for pending in self._pending:
            if not pending.done.done():
                pending.done.set_exception(self._lost())
                pending.done.exception()  # a command that nobody awaits any more must not warn
        self._pending.clear()
        self._writable.set()
        if not self._greeting.done():
            self._greeting.set_exception(self._lost())
            self._greeting.exception()

    def _lost(self) -> ConnectionLost | SpoolError:
        """One for each that is to raise it: an exception carries the traceback of whoever raised it. An error of ours ends the run."""
        failure = self._failure or ConnectionLost("not connected")
        if isinstance(failure, SpoolError):
            return failure
        return type(failure)(str(failure), asks_to_wait=failure.asks_to_wait)

    def when_closed(self, tell: Callable[[], None]) -> None:
        """``tell`` is called once, when the socket is gone."""
        self._closed.add_done_callback(lambda closed: tell())

    def abort(self, reason: str) -> None:
        """End the connection now; everything in flight raises ConnectionLost with ``reason``."""
        self._give_up(ConnectionLost(printable(self._redaction.clean(reason), CHARACTERS)))

    def _give_up(self, failure: ConnectionLost | SpoolError) -> None:
        self._fail(failure)
        if self._transport:
            self._transport.abort()

    async def close(self) -> None:
        """End the connection and wait until the socket is gone."""
        self._fail(ConnectionLost("closed by us"))
        if self._transport:
            self._transport.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._closed), 2.0)
            if not self._closed.done():
                self._transport.abort()
