"""What a server says is worked on in turns, between which the process hears signals and deadlines, whatever is said and however it is packed."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable

import pytest

from bascule.protocols.imap.commands import ALL_MESSAGES
from bascule.protocols.imap.fetch import BODY, Fetch
from bascule.terms.location import Location
from bascule.wire.errors import ConnectionLost
from bascule.wire.imap import Credentials, ImapClient, connect
from bascule.wire.imap import connection as connection_module
from bascule.wire.limits import WireLimits

DEAF_SECONDS = 1.0
"""Ten times what a turn takes here, for a busy machine."""


def deflated(octets: bytes, end: int = zlib.Z_SYNC_FLUSH) -> bytes:
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflate.compress(octets) + deflate.flush(end)


async def compressed(
    after_ok: bytes, use: Callable[[ImapClient], Awaitable[object]], *, at_once: bool = True, tries: int = 1
) -> float:
    """For how long, at most, the event loop was deaf. ``after_ok``: what follows the OK to COMPRESS, ``at_once`` with it; a server that
    is asked again has no compression any more."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        offers = b"IMAP4rev1" + b" COMPRESS=DEFLATE" * (connections <= tries)
        writer.write(b"* OK [CAPABILITY %b] hi\r\n" % offers)
        try:
            while line := await reader.readline():
                tag, verb = line.split()[:2]
                if verb == b"COMPRESS":
                    writer.write(tag + b" OK from here on\r\n" + after_ok * at_once)
                    if not at_once:
                        await asyncio.sleep(0.05)
                        writer.write(after_ok)
                    await reader.read()
                    return
                writer.write(tag + b" OK [CAPABILITY %b] in\r\n" % offers)
        except ConnectionError:
            pass
        finally:
            writer.close()

    deaf = 0.0

    async def listen() -> None:
        nonlocal deaf
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            deaf = max(deaf, loop.time() - before)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        listening = asyncio.ensure_future(listen())
        location = Location("imap", "anna", "127.0.0.1", server.sockets[0].getsockname()[1])
        client = await connect(location, Credentials("anna", lambda: "secret"), compress=True)
        try:
            await use(client)
        finally:
            await client.connection.close()
            listening.cancel()
    return deaf


@pytest.mark.parametrize("at_once", [True, False], ids=["with the OK", "after it"])
def test_little_that_becomes_much_leaves_others_their_turn(at_once: bool) -> None:
    async def use(client: ImapClient) -> None:
        assert client.connection.is_open
        assert client.connection.octets_received < 100_000

    said = b"* OK\r\n" * 2_000_000 + b"b3 OK done\r\n"  # the command behind COMPRESS
    assert asyncio.run(compressed(deflated(said), use, at_once=at_once)) < DEAF_SECONDS


def test_a_compressed_line_without_an_end_is_not_inflated_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[int] = []
    whole = connection_module.Receiver.arrived

    def arrived(receiver: connection_module.Receiver, octets: int) -> None:
        fed.append(octets)
        whole(receiver, octets)

    monkeypatch.setattr(connection_module.Receiver, "arrived", arrived)

    async def use(client: ImapClient) -> None:
        assert "COMPRESS=DEFLATE" not in client.capabilities  # it went on without

    asyncio.run(compressed(deflated(b"A" * (100 << 20)), use))
    assert max(fed) <= 256 * 1024
    assert sum(fed) < 20 << 20


@pytest.mark.parametrize(
    "said", [b"* OK not compressed\r\n", deflated(b"b3 OK done\r\n", zlib.Z_FINISH)], ids=["none", "with an end"]
)
def test_what_is_no_compressed_stream_is_given_up(said: bytes) -> None:
    async def use(client: ImapClient) -> None:
        assert "COMPRESS=DEFLATE" not in client.capabilities

    asyncio.run(compressed(said, use))


async def told(said: bytes, use: Callable[[ImapClient], Awaitable[object]]) -> None:
    """``said``: the answer to the first command after the sign-in, which closes the connection; TAG stands for the tag."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")
        writer.write((await reader.readline()).split()[0] + b" OK [CAPABILITY IMAP4rev1] in\r\n")
        writer.write(said.replace(b"TAG", (await reader.readline()).split()[0]))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        location = Location("imap", "anna", "127.0.0.1", server.sockets[0].getsockname()[1])
        client = await connect(location, Credentials("anna", lambda: "secret"), limits=WireLimits(stall_seconds=5))
        try:
            await use(client)
        finally:
            await client.connection.close()


def test_what_many_turns_take_is_all_there_though_the_server_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "WORK_OCTETS", 1000)

    async def use(client: ImapClient) -> None:
        assert [entry.name for entry in await client.list_all()] == [b"f%d" % n for n in range(5000)]

    listed = b"".join(b'* LIST () "/" f%d\r\n' % number for number in range(5000))
    asyncio.run(told(listed + b"TAG OK all\r\n", use))


def test_who_holds_a_connection_is_given_no_more_of_what_came_until_it_is_released() -> None:
    given: list[int] = []

    async def use(client: ImapClient) -> None:
        def take(reply: Fetch) -> None:
            given.append(reply.number)
            if reply.number in (100, 200):
                client.connection.hold()

        fetching = await client.fetch(ALL_MESSAGES, BODY, take)
        for number in (100, 200):
            async with asyncio.timeout(5):
                while len(given) < number:
                    await asyncio.sleep(0)
            await asyncio.sleep(0.05)
            assert len(given) == number
            client.connection.release()
        await fetching.ok()
        assert given == list(range(1, 301))

    replies = b"".join(b"* %d FETCH (UID %d BODY[] {2}\r\nab)\r\n" % (n, n) for n in range(1, 301))
    asyncio.run(told(replies + b"TAG OK all\r\n", use))


def test_garbage_after_many_turns_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "WORK_OCTETS", 1000)
    with pytest.raises(ConnectionLost, match="not IMAP"):
        asyncio.run(told(b"* 1 EXISTS\r\n" * 1000 + b"garbage\r\n", ImapClient.noop))
