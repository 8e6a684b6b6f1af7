"""Who is slow is waited for, and who does nothing is given up: a thin line, and servers that only say that they are there."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from bascule.deliver.parcel import Batch, Parcel
from bascule.deliver.sending import Shipment, send
from bascule.protocols.imap.commands import ALL_MESSAGES
from bascule.protocols.imap.fetch import BODY, FLAGS
from bascule.terms.body import HeldBody
from bascule.terms.instant import InternalDate
from bascule.terms.location import Location
from bascule.wire.errors import ConnectionLost
from bascule.wire.imap import Credentials, ImapClient, connect
from bascule.wire.imap import client as client_module
from bascule.wire.imap import connection as connection_module
from bascule.wire.imap import selecting as selecting_module
from bascule.wire.limits import WireLimits

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


async def against(
    serve: Serve, use: Callable[[ImapClient], Awaitable[object]], limits: WireLimits, window: int = 0
) -> None:
    """``serve`` has the tag of the first command after the sign-in. ``window``: octets that the server's kernel takes unread."""

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 LITERAL+] hi\r\n")
        tag = (await reader.readline()).split()[0]
        writer.write(tag + b" OK [CAPABILITY IMAP4rev1 LITERAL+] in\r\n")
        tag = (await reader.readuntil(b" ")).strip()
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer, tag)
        writer.close()

    listening = socket.socket()
    if window:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(begin, sock=listening, limit=2**16)
    location = Location("imap", "anna", "127.0.0.1", listening.getsockname()[1])
    async with server:
        client = await connect(location, Credentials("anna", lambda: "secret"), limits=limits)
        try:
            await use(client)
        finally:
            await client.connection.close()


def test_a_large_message_on_a_thin_line_takes_as_long_as_it_takes() -> None:
    octets, seconds = 3_000_000, 0.0

    async def thin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        taken = 0
        while taken < octets:
            taken += len(await reader.read(50_000))
            await asyncio.sleep(0.05)
        writer.write(tag + b" OK [APPENDUID 7 1] kept\r\n")

    async def use(client: ImapClient) -> None:
        nonlocal seconds
        parcel = Parcel(1, frozenset(), InternalDate(0), HeldBody(b"x" * octets))
        shipment = Shipment(Batch.of([parcel]))
        start = time.monotonic()
        await send(client, b"INBOX", shipment)
        for pending in shipment.pendings:
            await pending.ok()
        seconds = time.monotonic() - start

    asyncio.run(against(thin, use, WireLimits(stall_seconds=0.5), window=20_000))
    assert seconds > 1.5  # several times what a silent server is given


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        (b"* OK Still here\r\n" * 1000, 0.01),
        (b"x", 0.05),
        (b"* XYZZY %b\r\n" % (b"x" * 4000), 0.01),
        (b"* XYZZY {4000}\r\n%b\r\n" % (b"x" * 4000), 0.01),
        (b"* 1 EXISTS\r\n" * 1000, 0.01),
        (b"* 1 FETCH (FLAGS ())\r\n" * 1000, 0.01),
    ],
    ids=["chatter", "an octet", "what nobody knows", "with a literal", "what a folder has", "flags"],
)
def test_signs_of_life_alone_are_no_answer(said: bytes, pause: float) -> None:
    async def alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for _ in range(2000):
            writer.write(said)
            await writer.drain()
            await asyncio.sleep(pause)

    with pytest.raises(ConnectionLost, match="signs that the server is there"):
        asyncio.run(against(alive, ImapClient.noop, WireLimits(stall_seconds=0.5, fruitless_seconds=1)))


def test_what_was_not_asked_for_is_no_progress_of_what_was() -> None:
    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for number in range(2000):
            writer.write(b"* STATUS INBOX (MESSAGES %d)\r\n* %d EXISTS\r\n" % (number, number) * 500)
            await writer.drain()
            await asyncio.sleep(0.01)

    with pytest.raises(ConnectionLost, match="signs that the server is there"):
        asyncio.run(against(elsewhere, ImapClient.list_all, WireLimits(stall_seconds=0.5, fruitless_seconds=1)))


def test_long_work_with_something_to_show_is_waited_for() -> None:
    async def steady(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for number in range(30):
            writer.write(b'* LIST () "/" "%d %s"\r\n' % (number, b"x" * 2000))
            await asyncio.sleep(0.1)
        writer.write(tag + b" OK all\r\n")

    async def use(client: ImapClient) -> None:
        assert len(await client.list_all()) == 30

    asyncio.run(against(steady, use, WireLimits(stall_seconds=0.5, fruitless_seconds=1)))


def test_a_list_without_an_end_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LISTED", 1000)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for number in range(100_000):
            writer.write(b'* LIST () "/" f%d\r\n' % number)
            await writer.drain()

    with pytest.raises(ConnectionLost, match="more than 1,000 mailboxes"):
        asyncio.run(against(endless, ImapClient.list_all, WireLimits()))


@pytest.mark.parametrize(
    "said", [b"* 1 EXISTS\r\n", b"* 1 FETCH (FLAGS ())\r\n", b"* OK Still here\r\n", b"* XYZZY {9}\r\nabcdefghi\r\n"]
)
def test_an_answer_without_an_end_has_one_whatever_was_asked(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "TOLD_OCTETS", 1_000_000)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for _ in range(1000):
            writer.write(said * 1000)
            await writer.drain()

    with pytest.raises(ConnectionLost, match="answers NOOP with more than 1,000,000 octets"):
        asyncio.run(against(endless, ImapClient.noop, WireLimits()))


def test_what_is_said_without_a_question_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "TOLD_OCTETS", 1_000_000)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        writer.write(tag + b" OK\r\n")
        for _ in range(1000):
            writer.write(b"* 1 EXISTS\r\n" * 1000)
            await writer.drain()

    async def use(client: ImapClient) -> None:
        await client.noop()
        async with asyncio.timeout(20):
            while client.connection.is_open:
                await asyncio.sleep(0.01)
        await client.noop()

    with pytest.raises(ConnectionLost, match="more than 1,000,000 octets without being asked"):
        asyncio.run(against(endless, use, WireLimits()))


def test_a_hundred_thousand_messages_that_went_are_told_at_once() -> None:
    async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        writer.write(b"* 100000 EXISTS\r\n")
        for first in range(100_000, 0, -1000):
            writer.write(
                b"".join(
                    b"* %d FETCH (FLAGS (\\Deleted))\r\n* %d EXPUNGE\r\n" % (n, n)
                    for n in range(first, first - 1000, -1)
                )
            )
            await writer.drain()
        writer.write(tag + b" OK done\r\n")

    async def use(client: ImapClient) -> None:
        await client.noop()
        assert client.connection.counted == 0

    asyncio.run(against(gone, use, WireLimits()))


def test_mailboxes_with_names_without_an_end_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "TOLD_OCTETS", 1_000_000)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for number in range(1000):
            writer.write(b'* LIST () "/" "%d%s"\r\n' % (number, b"x" * 50_000))
            await writer.drain()

    with pytest.raises(ConnectionLost, match="answers LIST with more than 1,000,000 octets"):
        asyncio.run(against(endless, ImapClient.list_all, WireLimits()))


def test_contents_of_messages_are_not_counted_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "TOLD_OCTETS", 1_000_000)
    found: list[int] = []

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for number in range(1, 41):
            writer.write(b"* %d FETCH (UID %d BODY[] {50000}\r\n%s)\r\n" % (number, number, b"x" * 50_000))
            await writer.drain()
        writer.write(tag + b" OK all\r\n")

    async def use(client: ImapClient) -> None:
        fetching = await client.fetch(ALL_MESSAGES, BODY, lambda reply: found.append(reply.data.uid or 0))
        await fetching.ok()

    asyncio.run(against(large, use, WireLimits()))
    assert found == list(range(1, 41))


def test_contents_that_nobody_asked_for_are_counted_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "TOLD_OCTETS", 1_000_000)

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for number in range(1, 1000):
            writer.write(b"* %d FETCH (UID %d BODY[] {50000}\r\n%s)\r\n" % (number, number, b"x" * 50_000))
            await writer.drain()

    async def use(client: ImapClient) -> None:
        await (await client.fetch(ALL_MESSAGES, FLAGS, lambda reply: None)).ok()

    with pytest.raises(ConnectionLost, match="answers UID FETCH with more than 1,000,000 octets"):
        asyncio.run(against(large, use, WireLimits()))


def test_a_large_string_that_nobody_asked_for_is_not_taken() -> None:
    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        writer.write(b"* 1 FETCH (UID 1 BODY[] {4000000000}\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 100_000)
            await writer.drain()

    with pytest.raises(ConnectionLost, match="a string of 4,000,000,000 octets that was not asked for"):
        asyncio.run(against(large, ImapClient.noop, WireLimits()))


def test_of_a_mailbox_those_attributes_are_kept_that_mean_something() -> None:
    async def lists(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        writer.write(b'* LIST (\\noselect \\X-1 $x \\SENT) "/" a\r\n' + tag + b" OK all\r\n")

    async def use(client: ImapClient) -> None:
        (listed,) = await client.list_all()
        assert (listed.attributes, listed.has("\\Noselect")) == ({"\\NoSelect", "\\Sent"}, True)

    asyncio.run(against(lists, use, WireLimits()))


@pytest.mark.parametrize(
    ("known", "kept"), [(None, set()), ((7, 5), {1, 2})], ids=["a first run", "changes since another"]
)
def test_changes_are_kept_once_and_where_they_were_asked_for(known: tuple[int, int] | None, kept: set[int]) -> None:
    async def tells(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        writer.write(b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n" + b"* VANISHED (EARLIER) 3,5\r\n" * 1000)
        writer.write(
            (b"* 1 FETCH ()\r\n" + b"".join(b"* %d FETCH (UID %d FLAGS ())\r\n" % (n, n) for n in (1, 2))) * 1000
        )
        writer.write(tag + b" OK [READ-ONLY] open\r\n")

    async def use(client: ImapClient) -> None:
        client.enabled = frozenset({"QRESYNC"})
        state = await client.select(b"INBOX", read_only=True, known=known)
        assert (len(state.changed), {reply.data.uid for reply in state.changed}) == (len(kept), kept)

    asyncio.run(against(tells, use, WireLimits()))


def test_more_changes_than_a_folder_has_messages_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selecting_module, "FOUND", 1000)

    async def tells(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        writer.write(b"".join(b"* %d FETCH (UID %d FLAGS ())\r\n" % (n, n) for n in range(1, 1100)))
        await reader.read()

    async def use(client: ImapClient) -> None:
        client.enabled = frozenset({"QRESYNC"})
        await client.select(b"INBOX", read_only=True, known=(7, 5))

    with pytest.raises(ConnectionLost, match="more changed messages than a mailbox has"):
        asyncio.run(against(tells, use, WireLimits()))


@pytest.mark.parametrize("form", [b"* SEARCH %b\r\n", b'* ESEARCH (TAG "x") UID ALL %b\r\n'], ids=["SEARCH", "ESEARCH"])
def test_what_is_found_in_several_answers_is_counted_together(form: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FOUND", 1000)
    glue = b"," if b"ALL" in form else b" "

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        for start in range(1, 100_000, 100):
            writer.write(form % glue.join(b"%d" % uid for uid in range(start, start + 100)))
            await writer.drain()
        writer.write(tag + b" OK all\r\n")

    with pytest.raises(ConnectionLost, match="more messages than a mailbox has"):
        asyncio.run(against(endless, ImapClient.search_uids, WireLimits()))


def test_what_is_told_of_mailboxes_that_nobody_asked_for_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LISTED", 10)

    async def others(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: bytes) -> None:
        await reader.readline()
        writer.write(tag + b" OK\r\n")  # NOOP
        tag = (await reader.readline()).split()[0]
        writer.write(b"".join(b"* STATUS other%d (MESSAGES 1)\r\n" % number for number in range(100)))
        writer.write(b"* STATUS INBOX (MESSAGES 3)\r\n" + tag + b" OK\r\n")

    async def use(client: ImapClient) -> None:
        assert await client.status_all([b"INBOX"]) == {b"INBOX": {"MESSAGES": 3}}

    asyncio.run(against(others, use, WireLimits()))
