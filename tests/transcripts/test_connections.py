"""With as many connections as a server takes: fewer workers, the same work, and each told once."""

import asyncio
import time
from pathlib import Path

import pytest

from bascule.capture import CaptureOptions, capture
from bascule.mailbox import Mailbox, check
from bascule.sources.imap import ImapSource
from bascule.terms.location import Location
from bascule.terms.watch import Watcher
from bascule.wire import backoff as waiting
from bascule.wire.backoff import Backoff
from bascule.wire.errors import ConnectError, ConnectionLost, NoPlace, NotNow, SignInError, TooManyConnections
from bascule.wire.imap import Connections, Credentials, ImapClient, connect, reconnect
from bascule.wire.together import open_both, run_together
from support.old_server import FAST, Drop, OldServer


class Notes(Watcher):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


WAYS = {
    "NO in words": b"TAG NO Too many connections\r\n",
    "NO with a code": b"TAG NO [LIMIT] no\r\n",
    "NO as for a wrong password": b"TAG NO Login failed.\r\n",
    "BYE at sign-in": b"* BYE [UNAVAILABLE] too many connections\r\n",
    "BYE as greeting": b"",
    "no word": b"",
}


class Limited(OldServer):
    """Takes so many connections at once; says ``way`` to those beyond. ``ends``: connections that end at their third FETCH."""

    def __init__(self, limit: int, way: str, *, ends: int = 0) -> None:
        super().__init__()
        self.folders = [b"INBOX", b"A", b"B", b"C"]
        self.limit, self.way, self.ends = limit, way, ends
        self.fetched = 0
        self.most = 0

    def greeting(self) -> bytes:
        if self.open > self.limit and self.way in ("no word", "BYE as greeting"):
            raise Drop(b"* BYE Too many connections from your address\r\n" if self.way == "BYE as greeting" else b"")
        return super().greeting()

    def login(self) -> bytes:
        if self.open > self.limit:
            said = WAYS[self.way]
            if said.startswith(b"TAG"):
                return said
            raise Drop(said)
        self.most = max(self.most, self.open)
        return super().login()

    def fetch(self, uids: list[int], items: bytes) -> bytes:
        self.fetched += 1
        if self.ends and self.fetched == 3:
            self.ends -= 1
            raise Drop
        return super().fetch(uids, items)


def connecting(location: Location, secret: str = "secret"):
    async def client() -> ImapClient:
        return await connect(location, Credentials("anna", lambda: secret), limits=FAST)

    return client


@pytest.mark.parametrize("ends", [0, 1], ids=["", "and one of them ends"])
@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_a_limit_of_connections_costs_workers_and_no_message(tmp_path: Path, way: str, limit: int, ends: int) -> None:
    """A run with more connections than the server takes ended with “check the name and the password”."""
    server, notes = Limited(limit, way, ends=ends), Notes()

    async def use() -> None:
        async with server.running() as location:
            with Mailbox.open_or_create(tmp_path / "m.mailbox") as box:
                source = ImapSource(str(location), connecting(location))
                await capture(source, box, CaptureOptions(connections=4), notes)
                await source.close()
                assert [len(list(box.messages.list(folder.id))) for folder in box.folders.all()] == [10] * 4

    asyncio.run(asyncio.wait_for(use(), 60))
    assert check(tmp_path / "m.mailbox") == []
    assert server.most == limit
    told = [text for text in notes.texts if "goes on with fewer connections" in text]
    assert len(told) == 1, notes.texts
    assert "password" not in " ".join(notes.texts)


def test_the_first_connection_is_waited_for_where_the_server_asks_for_it_and_else_its_failure_is_told() -> None:
    class Later(OldServer):
        def __init__(self, *answers: bytes) -> None:
            super().__init__()
            self.answers = list(answers)

        def login(self) -> bytes:
            return self.answers.pop(0) if self.answers else super().login()

    async def first(server: OldServer) -> None:
        async with server.running() as location:
            client = await Connections(connecting(location), "old").one_more()
            await client.logout()

    asyncio.run(first(Later(b"TAG NO [UNAVAILABLE] .\r\n", b"TAG NO too many sessions\r\n")))
    with pytest.raises(SignInError):
        asyncio.run(first(Later(b"TAG NO Login failed.\r\n")))


@pytest.mark.parametrize("way", WAYS)
def test_workers_that_begin_again_together_are_at_least_one(way: str) -> None:
    """All connections are closed between two parts of a run; one of those who begin the next must get the place, and no run end."""

    async def use() -> tuple[int, int]:
        async with Limited(1, way).running() as location:
            connections = Connections(connecting(location), "old")
            present = absent = 0
            for _ in range(4):
                found = await asyncio.gather(*(connections.one_more() for _ in range(3)), return_exceptions=True)
                clients = [one for one in found if isinstance(one, ImapClient)]
                assert all(isinstance(one, ImapClient | NoPlace) for one in found), found
                present, absent = present + len(clients), absent + 3 - len(clients)
                await asyncio.gather(*(client.logout() for client in clients))
            return present, absent

    assert asyncio.run(asyncio.wait_for(use(), 60)) == (4, 8)


def test_a_worker_that_waits_goes_on_as_soon_as_another_connection_ends() -> None:
    async def use() -> float:
        async with Limited(1, "NO in words").running() as location:
            connections = Connections(connecting(location), "old")
            held = await connections.one_more()
            with pytest.raises(NoPlace, match="Too many connections"):
                await connections.one_more()
            patient = connections.backoff()
            patient.first_seconds = patient.most_seconds = 20
            began = time.monotonic()
            again = asyncio.ensure_future(
                reconnect(connections, patient, ConnectionLost("it ended", asks_to_wait=True))
            )
            await asyncio.sleep(0.1)
            assert not again.done()
            await held.logout()
            client = await again
            await client.logout()
            return time.monotonic() - began

    assert asyncio.run(use()) < 10


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (TooManyConnections("full", "", "full"), True),
        (NotNow("busy", "", "busy"), True),
        (ConnectionLost("ended"), False),
    ],
)
def test_waiting_is_bounded_by_why_and_told_once_it_is_long(monkeypatch, error: Exception, asked: bool) -> None:
    monkeypatch.setattr(waiting, "NOTE_SECONDS", 0.1)
    notes, tries = Notes(), 0

    async def never() -> ImapClient:
        nonlocal tries
        tries += 1
        raise error

    async def use() -> float:
        began = time.monotonic()
        backoff = Backoff("old", notes, first_seconds=0.01, most_seconds=0.08, lost_seconds=0.2, asked_seconds=0.4)
        with pytest.raises(ConnectionLost):
            await reconnect(never, backoff, ConnectionLost("it ended"))
        return time.monotonic() - began

    assert asyncio.run(use()) < 2
    assert tries >= 4
    assert notes.texts
    assert all("trying again in" in text for text in notes.texts)
    assert any("old is not ready: " in text for text in notes.texts) == asked


def test_progress_starts_the_waits_again() -> None:
    async def use() -> list[bool]:
        backoff = Backoff(first_seconds=0.01, lost_seconds=0.02)
        waits = [await backoff.wait() for _ in range(3)]
        backoff.progress()
        return [*waits, await backoff.wait()]

    assert asyncio.run(use()) == [True, True, False, True]


def test_a_sign_in_that_was_right_is_tried_again_but_not_often() -> None:
    tries = 0

    async def refused() -> ImapClient:
        nonlocal tries
        tries += 1
        raise SignInError("no")

    async def use() -> None:
        await reconnect(refused, Backoff(first_seconds=0.001), ConnectionLost("it ended"))

    with pytest.raises(SignInError):
        asyncio.run(use())
    assert tries == 3


def test_workers_without_a_place_are_absent_and_no_worker_at_all_is_an_error() -> None:
    done: list[int] = []

    async def worker(number: int, *, present: bool) -> None:
        if not present:
            raise NoPlace("full", "", "full")
        await asyncio.sleep(0.01)
        done.append(number)

    asyncio.run(run_together([]))
    asyncio.run(run_together([worker(1, present=True), worker(2, present=False), worker(3, present=True)]))
    assert done == [1, 3]
    with pytest.raises(NoPlace):
        asyncio.run(run_together([worker(1, present=False), worker(2, present=False)]))


def test_of_two_sides_that_are_opened_together_one_is_closed_where_the_other_fails() -> None:
    class Side:
        closed = False

        async def close(self) -> None:
            self.closed = True

    side = Side()

    async def opens() -> Side:
        return side

    async def fails() -> Side:
        await asyncio.sleep(0.01)
        raise ConnectError("no")

    async def both() -> None:
        await open_both(opens(), fails())

    with pytest.raises(ConnectError):
        asyncio.run(both())
    assert side.closed
