"""An IMAP client whose methods are IMAP's commands. Each returns what the server said, typed."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from operator import lt
from typing import Any, TypeVar

from bascule.protocols.imap.commands import (
    ALL,
    EMPTY,
    EVERY_NAME,
    Argument,
    Command,
    How,
    LiteralRule,
    atom,
    command,
    flag_list,
    from_uid,
    group,
    items,
    mailbox,
    number,
    special_use,
    string,
    uid_key,
    unasked_literal,
)
from bascule.protocols.imap.errors import LocalError, RemoteError
from bascule.protocols.imap.fetch import UIDS, Fetch
from bascule.protocols.imap.names import decode_name, encode_name
from bascule.protocols.imap.responses import (
    Capability,
    Condition,
    Esearch,
    Expunge,
    Identification,
    Listing,
    Namespace,
    Quota,
    Response,
    Search,
    Status,
    Vanished,
)
from bascule.protocols.imap.sequence import MAX_NUMBER
from bascule.terms.flags import Flags
from bascule.terms.folder import SpecialUse
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap.connection import Connection, Handler, Pending
from bascule.wire.imap.selecting import MailboxState, SelectReading
from bascule.wire.limits import FOUND, LISTED

R = TypeVar("R", bound=Response)
_STATUS = (b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY")
_STATUS_ITEMS = items(*_STATUS)
_STATUS_ITEMS_AND_MODSEQ = items(*_STATUS, b"HIGHESTMODSEQ")
_IDENTITY = items(b"UIDVALIDITY", b"MAILBOXID")
_LIKELY_IDENTITY = items(b"UIDVALIDITY", b"UIDNEXT")
_RETURN = atom(b"RETURN")
_LISTS_FEWER = "it counts {} messages in the folder and lists {}; have its index repaired"
_OUR_ID = group(string(b"name"), string(b"Bascule"))


class ImapClient:
    """Made by `connect`. ``name`` is the location for messages to people.

    Not for several tasks at once, but for the commands that select no mailbox; give each task a client of its own.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name
        self.capabilities: frozenset[str] = frozenset()
        self.literals = LiteralRule()
        self._append_limit: int | None = None
        self.enabled: frozenset[str] = frozenset()
        self.selected: bytes | None = None
        self.takes_select_parameters = True
        """False: SELECT and EXAMINE go without CONDSTORE and QRESYNC, which the server offers and does not know."""

    def set_capabilities(self, names: frozenset[str]) -> None:
        self.capabilities = names
        self.literals = LiteralRule.from_capabilities(names)
        told = [name.removeprefix("APPENDLIMIT=") for name in names if name.startswith("APPENDLIMIT=")]
        limits = [int(number) for number in told if number.isascii() and number.isdigit() and len(number) < 20]
        self._append_limit = min(limits, default=None)

    def has(self, capability: str) -> bool:
        return capability in self.capabilities

    async def run(self, command: Command, handler: Handler | None = None) -> Condition:
        """Send a command and wait for its OK. Raises CommandRefused, ConnectionLost."""
        return await (await self.start(command, handler)).ok()

    async def start(self, command: Command, handler: Handler | None = None) -> Pending:
        """Send a command; its answer is awaited on what this returns."""
        return await self.connection.start(command, handler)

    @property
    def speaks_utf8(self) -> bool:
        """Whether names, and headers in APPEND UTF8, are in UTF-8 on this connection. RFC 6855 §3, §4"""
        return "UTF8=ACCEPT" in self.enabled

    async def takes_unasked_literals(self) -> bool:
        """Whether a literal that does not wait for leave is read as one, shown with a word of the protocol: some proxies announce LITERAL+ for a server that
        does not know it, which would read a mail's text as commands. Raises ConnectionLost, also where the server is confused by it."""
        status = command(b"STATUS", unasked_literal(b"INBOX"), group(atom(b"UIDVALIDITY")))
        return (await (await self.start(status)).answer()).status != "BAD"

    def mailbox(self, raw: bytes) -> Argument:
        """A mailbox name as an argument. Raises CommandRefused for one that IMAP can't write: no server is asked then."""
        try:
            return mailbox(raw, utf8=self.speaks_utf8)
        except LocalError as error:
            raise CommandRefused("", "NO", "CANNOT", f"no IMAP command can hold the folder's name: {error}") from error

    def encode(self, name: str) -> bytes:
        """A mailbox name as this connection writes it."""
        return encode_name(name, utf8=self.speaks_utf8)

    def decode(self, raw: bytes) -> str:
        """A mailbox name for people."""
        return decode_name(raw, utf8=self.speaks_utf8)

    # -- any state ----------------------------------------------------------------------------------------------------

    async def capability(self) -> frozenset[str]:
        found: list[Capability] = []
        await self.run(command(b"CAPABILITY"), _last(Capability, found))
        if found:
            self.set_capabilities(found[-1].names)
        return self.capabilities

    async def noop(self) -> None:
        await self.run(command(b"NOOP"))

    async def identify(self) -> dict[str, str]:
        """The server's name and version, where it tells. RFC 2971"""
        found: list[Identification] = []
        if self.has("ID"):
            await self.run(command(b"ID", _OUR_ID), _last(Identification, found))
        return found[-1].fields if found else {}

    async def compress(self) -> None:
        """DEFLATE both ways from here on (RFC 4978); nothing changes where the server refuses."""
        async with self.connection.sending():
            pending = self.connection.begin_border("COMPRESS")
            await self.connection.write_line(pending, command(b"COMPRESS", atom(b"DEFLATE")))
            if (await pending.answer()).status == "OK":
                self.connection.start_compression()
            else:
                self.connection.cross_border()

    async def logout(self) -> None:
        """Say goodbye and close the socket; never raises for a connection that is already gone."""
        with contextlib.suppress(ConnectionLost, TimeoutError):  # the server may close before or instead of its answer
            async with asyncio.timeout(5):
                await (await self.start(command(b"LOGOUT"))).answer()
        await self.connection.close()

    # -- mailboxes ----------------------------------------------------------------------------------------------------

    async def list_all(self) -> list[Listing]:
        """Every mailbox with its attributes, and its special use and subscription where LIST tells (RFC 5258, RFC 6154)."""
        returned = [atom(b"SUBSCRIBED"), atom(b"CHILDREN")] if self.has("LIST-EXTENDED") else []
        if returned and self.has("SPECIAL-USE"):
            returned.append(atom(b"SPECIAL-USE"))
        found: list[Listing] = []
        tail = [_RETURN, group(*returned)] if returned else []
        try:
            await self.run(command(b"LIST", EMPTY, EVERY_NAME, *tail), _listed(found))
        except CommandRefused:
            if not tail:
                raise
            self._go_without("LIST-EXTENDED", "LIST-STATUS")
            return await self.list_all()
        return found

    def _go_without(self, *capabilities: str) -> None:
        """What is offered and refused is not asked for again on this connection."""
        self.set_capabilities(self.capabilities - frozenset(capabilities))

    async def has_still(self, raw: bytes) -> bool:
        """Whether LIST, asked now, has a mailbox that the server does not open. One that has others below it must be counted as well: Dovecot 2.3 lists
        it as long as these are there, also where it was deleted. Raises CommandRefused where the server does not list, ConnectionLost."""
        listed = await self.list_all()
        found = [entry for entry in listed if entry.name == raw]
        if not found or any(entry.has("\\Noselect") or entry.has("\\NonExistent") for entry in found):
            return False
        below = raw + (found[0].separator or "").encode()
        if below == raw or not any(entry.name.startswith(below) for entry in listed):
            return True
        return (await self.status_all([raw])).get(raw, {}).get("MESSAGES", 0) > 0

    async def list_subscribed(self) -> list[Listing]:
        found: list[Listing] = []
        await self.run(command(b"LSUB", EMPTY, EVERY_NAME), _listed(found))
        return found

    async def separator(self) -> str | None:
        """The hierarchy separator at the root. RFC 9051 §6.3.9: LIST with two empty arguments."""
        found: list[Listing] = []
        await self.run(command(b"LIST", EMPTY, EMPTY), _listed(found))
        return found[0].separator if found else None

    async def namespace(self) -> Namespace | None:
        """None: the server tells none, or refuses to."""
        found: list[Namespace] = []
        if self.has("NAMESPACE") or self.has("IMAP4REV2"):
            await (await self.start(command(b"NAMESPACE"), _last(Namespace, found))).answer()
        return found[-1] if found else None

    async def status_all(self, names: Sequence[bytes]) -> dict[bytes, dict[str, int]]:
        """UIDVALIDITY, UIDNEXT, MESSAGES (and HIGHESTMODSEQ) of each; a mailbox that can't be asked is absent.

        One command where LIST-STATUS is offered (RFC 5819), else one for each mailbox, pipelined.
        """
        asked = _STATUS_ITEMS_AND_MODSEQ if self._keeps_modseq() else _STATUS_ITEMS
        return {name: status.items for name, status in (await self._status(names, asked)).items()}

    @property
    def tells_mailboxid(self) -> bool:
        """RFC 8474 §3"""
        return self.has("OBJECTID")

    async def identities(self, names: Sequence[bytes]) -> dict[bytes, Status]:
        """By what each is known again under another name: UIDVALIDITY, and MAILBOXID where it is told, else UIDNEXT. One that can't be asked
        is absent.

        MAILBOXID stands beside no item for which a mailbox must be opened: Cyrus 3.6 tells octets of its memory in its place then.
        """
        asked = _IDENTITY if self.tells_mailboxid else _LIKELY_IDENTITY
        return await self._status(names, asked)

    async def _status(self, names: Sequence[bytes], asked: Argument) -> dict[bytes, Status]:
        # A proxy may hand on a session with a folder open in it, of which STATUS tells what it was until NOOP: RFC 9051 §6.1.2. Its answer is
        # waited for, since Dovecot puts it off until what follows is done.
        await (await self.start(command(b"NOOP"))).answer()
        wanted = set(names)
        found: dict[bytes, Status] = {}

        def handler(response: Response) -> bool:
            if not isinstance(response, Status) or response.name not in wanted:
                return False
            found[response.name] = response
            return True

        if self.has("LIST-STATUS"):
            try:
                await self.run(command(b"LIST", EMPTY, EVERY_NAME, _RETURN, group(atom(b"STATUS"), asked)), handler)
            except CommandRefused:
                self._go_without("LIST-STATUS")
                return await self._status(names, asked)
        else:
            started = []
            for name in names:
                with contextlib.suppress(CommandRefused):  # a name that IMAP can't write
                    started.append(await self.start(command(b"STATUS", self.mailbox(name), asked), handler))
            for pending in started:
                await pending.answer()
        return found

    async def count(self, raw: bytes) -> int | None:
        """How many messages STATUS tells of in a mailbox; None: it tells none. RFC 9051 §6.3.11"""
        found: list[Status] = []
        asking = await self.start(command(b"STATUS", self.mailbox(raw), items(b"MESSAGES")), _last(Status, found))
        await asking.answer()
        return found[-1].items.get("MESSAGES") if found else None

    def _keeps_modseq(self) -> bool:
        return self.has("CONDSTORE") or self.has("QRESYNC")

    async def select(self, raw: bytes, *, read_only: bool, known: tuple[int, int] | None = None) -> MailboxState:
        """SELECT, or EXAMINE when ``read_only``. ``known`` is (UIDVALIDITY, MODSEQ) for QRESYNC (RFC 7162 §3.2.5).

        Raises CommandRefused; no mailbox is selected then.
        """
        tail: list[Argument] = []
        resync = known is not None and "QRESYNC" in self.enabled and self.takes_select_parameters
        if known is not None and resync:
            tail = [group(atom(b"QRESYNC"), group(*map(number, known)))]
        elif self.has("CONDSTORE") and self.takes_select_parameters and "QRESYNC" not in self.enabled:
            tail = [group(atom(b"CONDSTORE"))]
        reading = SelectReading(is_resync=resync)
        name = b"EXAMINE" if read_only else b"SELECT"
        self.selected, self.connection.counted = None, 0
        condition = await self.run(command(name, self.mailbox(raw), *tail), reading.take)
        self.selected = raw
        code = condition.code.name if condition.code else ""
        return replace(reading.state, read_only=read_only or code == "READ-ONLY")

    async def unselect(self) -> None:
        """Leave the mailbox without expunging. RFC 3691"""
        if self.selected is not None and (self.has("UNSELECT") or self.has("IMAP4REV2")):
            await self.run(command(b"UNSELECT"))
            self.selected = None

    async def start_create(self, raw: bytes, use: str = "") -> Pending:
        """CREATE; ``use``, a `SpecialUse`, is asked for where CREATE-SPECIAL-USE is offered (RFC 6154 §3)."""
        offered = use and self.has("CREATE-SPECIAL-USE")
        tail = [group(atom(b"USE"), group(special_use(SpecialUse(use))))] if offered else []
        return await self.start(command(b"CREATE", self.mailbox(raw), *tail))

    async def start_subscribe(self, raw: bytes) -> Pending:
        return await self.start(command(b"SUBSCRIBE", self.mailbox(raw)))

    async def quota(self) -> Quota | None:
        """The quota that INBOX counts towards. RFC 9208"""
        found: list[Quota] = []
        if self.has("QUOTA"):
            await self.run(command(b"GETQUOTAROOT", atom(b"INBOX")), _last(Quota, found))
        return found[-1] if found else None

    def append_limit(self) -> int | None:
        """The largest message that the server says it takes, in octets. RFC 7889"""
        return self._append_limit

    # -- messages -----------------------------------------------------------------------------------------------------

    async def search_uids(self, criteria: Argument = ALL) -> list[int]:
        """The UIDs that match, ascending; as ranges on the wire where ESEARCH is offered (RFC 4731)."""
        numbers: list[int] = []

        def take(response: Response) -> bool:
            if isinstance(response, Search):
                more, largest = len(response.numbers), max(response.numbers, default=0)
            elif isinstance(response, Esearch):
                more = sum(last - first + 1 for first, last in response.all)
                largest = max((last for _, last in response.all), default=0)
            else:
                return False
            if len(numbers) + more > FOUND:
                raise RemoteError(f"SEARCH found more messages than a mailbox has: {FOUND:,} at most")
            if largest > MAX_NUMBER:
                raise RemoteError("SEARCH found a UID that no message can have")
            if isinstance(response, Search):
                numbers.extend(response.numbers)
            else:
                for first, last in response.all:
                    numbers.extend(range(first, last + 1))
            return True

        shape = [_RETURN, group(ALL)] if self.has("ESEARCH") or self.has("IMAP4REV2") else []
        try:
            await self.run(command(b"UID SEARCH", *shape, criteria), take)
        except CommandRefused:
            if not shape:
                raise
            self._go_without("ESEARCH", "IMAP4REV2")
            return await self.search_uids(criteria)
        if all(map(lt, numbers, islice(numbers, 1, None))) and 0 not in numbers[:1]:
            return numbers  # as they are: a set of a million takes as much again
        return sorted({number for number in numbers if number})

    async def uids_from(self, first: int = 1) -> list[int]:
        """The UIDs that are not below ``first``, ascending; by FETCH too where SEARCH is refused, or finds fewer than EXISTS counts. What is not
        among them is not there. Raises ConnectionLost, and CommandRefused, also where FETCH lists fewer as well."""
        try:
            found = await self.search_uids(uid_key(from_uid(first)))
        except CommandRefused:
            return await self._list_from(first, set())
        counted = self.connection.counted
        if first > 1 and counted and not found:  # ``n:*`` matches the last message in any case: RFC 9051 §9
            return [uid for uid in await self.uids_from() if uid >= first]
        if first == 1 and len(found) < counted:
            return await self._list_from(first, set(found))
        return [uid for uid in found if uid >= first]

    async def _list_from(self, first: int, searched: set[int]) -> list[int]:
        """What SEARCH found, and what FETCH lists: together as many as EXISTS counts from the first one's number on."""
        replies: list[Fetch] = []
        await (await self.fetch(from_uid(first), UIDS, replies.append)).ok()
        listed = {reply.number: reply.data.uid for reply in replies if reply.data.uid}
        found = searched | set(listed.values())
        below = min(listed, default=self.connection.counted + 1) - 1 if first > 1 else 0
        if below + len(found) < self.connection.counted:
            await self.noop()  # tells what was removed meanwhile: RFC 9051 §7.5.1
        if (shown := below + len(found)) < self.connection.counted:
            raise CommandRefused("UID FETCH", "NO", None, _LISTS_FEWER.format(self.connection.counted, shown))
        return sorted(uid for uid in found if uid >= first)

    async def fetch(
        self,
        uids: Argument,
        items: Argument,
        on_message: Callable[[Fetch], None],
        modifier: Argument | None = None,
        on_removal: Callable[[], None] = lambda: None,
    ) -> Pending:
        """Start a UID FETCH; ``on_message`` is called for each FETCH that arrives before its answer, ``on_removal`` when a message went
        away meanwhile, after which sequence numbers mean others."""

        replies = 0
        contents = any(b"BODY" in segment for segment in items.segments if isinstance(segment, bytes))

        def take(response: Response) -> bool:
            nonlocal replies
            if isinstance(response, Fetch):
                replies += 1
                if replies > FOUND:
                    raise RemoteError(f"FETCH told of more messages than a mailbox has: {FOUND:,} at most")
                if response.data.uid is not None and response.data.uid > MAX_NUMBER:
                    raise RemoteError("FETCH told a UID that no message can have")
                response.let_go_of_items()
                on_message(response)
                return True
            if isinstance(response, Expunge | Vanished):
                on_removal()
            return False

        tail = [modifier] if modifier else []
        return await self.connection.start(command(b"UID FETCH", uids, items, *tail), take, contents=contents)

    async def store(self, uids: Argument, flags: Flags, how: How = How.REPLACE) -> None:
        """UID STORE; nothing is told of the result. RFC 9051 §6.4.6

        Raises LocalError for flags that IMAP can't write.
        """
        await self.run(command(b"UID STORE", uids, atom(how.value), flag_list(flags)))

    @property
    def has_uid_expunge(self) -> bool:
        return self.has("UIDPLUS") or self.has("IMAP4REV2")

    async def uid_expunge(self, uids: Argument) -> None:
        """RFC 4315 §2.1. Raises CommandRefused without UIDPLUS: a plain EXPUNGE would remove other people's deletions."""
        if not self.has_uid_expunge:
            raise CommandRefused("UID EXPUNGE", "NO", None, "the server has no UIDPLUS")
        await self.run(command(b"UID EXPUNGE", uids))

    async def idle(self, until: asyncio.Event, on_response: Handler) -> None:
        """Hear of changes as they happen, until the event is set. RFC 2177; the caller renews it within 29 minutes."""
        connection = self.connection
        async with connection.sending():
            pending = connection.begin("IDLE", on_response)
            await connection.write_line(pending, command(b"IDLE"))
            if await connection.continuation(pending):
                waiter = asyncio.ensure_future(until.wait())
                either: list[asyncio.Future[Any]] = [waiter, pending.done]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                waiter.cancel()
                await connection.write(b"DONE\r\n")
        await pending.ok()


def _listed(into: list[Listing]) -> Handler:
    """Every mailbox, with those of its attributes that mean something."""

    def take(response: Response) -> bool:
        if not isinstance(response, Listing):
            return False
        if len(into) >= LISTED:
            raise RemoteError(f"it lists more than {LISTED:,} mailboxes")
        into.append(response.with_known_attributes())
        return True

    return take


def _last(kind: type[R], into: list[R]) -> Handler:
    """Of responses that should come once, the last."""

    def take(response: Response) -> bool:
        if isinstance(response, kind):
            into[:] = [response]
        return isinstance(response, kind)

    return take
