"""Commands of the client that no move needs at every turn, each against a real server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.protocols.imap.responses import Exists
from bascule.terms.location import parse_location
from bascule.wire.imap import Credentials, ImapClient, connect
from support import messages, reference
from support.command import bascule
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot

USER = "anna"


@pytest.fixture(
    params=[
        pytest.param("dovecot", marks=pytest.mark.needs("dovecot")),
        pytest.param("cyrus", marks=pytest.mark.needs("cyrus")),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    server = (
        PrivateDovecot(tmp_path / "d", quota_kilobytes=5000) if request.param == "dovecot" else PrivateCyrus([USER])
    )
    with server:
        reference.append(server.port, USER, "INBOX", messages.many(3))
        reference.append(server.port, USER, "A", messages.many(2))
        yield server.url(USER)


def client_of(url: str) -> "asyncio.Future[ImapClient]":
    return asyncio.ensure_future(connect(parse_location(url), Credentials(USER, lambda: "secret")))


def test_idle_hears_of_a_new_message_at_once(url: str) -> None:
    async def work() -> list[int]:
        client, heard, enough = await client_of(url), [], asyncio.Event()
        await client.select(b"INBOX", read_only=True)

        def hear(response: object) -> None:
            if isinstance(response, Exists):
                heard.append(response.number)
                enough.set()

        idling = asyncio.ensure_future(client.idle(enough, hear))
        port = parse_location(url).port
        await asyncio.to_thread(reference.append, port, USER, "INBOX", [messages.plain(50)])
        await asyncio.wait_for(idling, 30)
        await client.logout()
        return heard

    assert asyncio.run(work())[-1] == 4


def test_unselect_leaves_the_folder_and_status_tells_each(url: str) -> None:
    async def work() -> None:
        client = await client_of(url)
        assert (await client.select(b"A", read_only=True)).exists == 2
        await client.unselect()
        assert client.selected is None
        states = await client.status_all([b"INBOX", b"A", b"none"])
        assert {name: items["MESSAGES"] for name, items in states.items()} == {b"INBOX": 3, b"A": 2}
        assert (await client.namespace()).personal
        assert {entry.name for entry in await client.list_subscribed()} <= {
            entry.name for entry in await client.list_all()
        }
        await client.noop()
        await client.logout()

    asyncio.run(work())


@pytest.mark.needs("dovecot")
def test_a_dry_run_tells_how_much_room_there_is(tmp_path: Path) -> None:
    """And that there is none, before a night is lost with it."""
    with PrivateDovecot(tmp_path / "old") as old, PrivateDovecot(tmp_path / "new", quota_kilobytes=50) as new:
        reference.append(old.port, USER, "INBOX", messages.many(3))
        told = bascule(tmp_path, "copy", old.url(USER), new.url(USER), "--dry-run").stdout
        assert "The target takes 51.2 kB for this mailbox, of which 0 B are used.\n" in told
        reference.append(new.port, USER, "INBOX", [messages.plain(1, 30_000)])
        new.stop()
        new.quota_kilobytes = 20
        new.start()
        told = bascule(tmp_path, "copy", old.url(USER), new.url(USER), "--dry-run").stdout
    assert "are used. Nothing more fits: ask who runs it for more room before the move." in told
