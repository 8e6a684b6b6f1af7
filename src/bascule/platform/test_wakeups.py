"""Processes of one machine wake each other, wherever the installation lies."""

import asyncio
import contextlib
import socket
import threading
from pathlib import Path

import pytest

from bascule.platform.wakeups import DATAGRAM_OCTETS, Wakeups, after_commit, send_to_all


def unlogged(event: str, **fields: object) -> None:
    raise AssertionError((event, fields))


@pytest.mark.parametrize("deep", ["run", "a folder of a project/" * 12 + "run"])
def test_a_wake_up_arrives(tmp_path: Path, deep: str) -> None:
    """A socket's path is short; a folder's need not be."""

    async def listen() -> str:
        woken: asyncio.Queue[str] = asyncio.Queue()
        wakeups = Wakeups(tmp_path / deep, woken.put_nowait, unlogged)
        send_to_all(tmp_path / deep, "anna")
        try:
            return await asyncio.wait_for(woken.get(), 10)
        finally:
            wakeups.close()

    assert asyncio.run(listen()) == "anna"
    assert list((tmp_path / deep).iterdir()) == []


def test_a_wake_up_for_a_busy_process_waits_and_none_is_lost(tmp_path: Path) -> None:
    """Its queue is full of what others changed: who waits for news of Anna's mailbox hears of it all the same."""
    many = 1000

    async def send() -> set[str]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as busy:
            busy.bind(str(tmp_path / "1.wake"))
            busy.setblocking(False)
            wakeups = Wakeups(tmp_path, lambda account: None, unlogged)
            for number in range(many):
                wakeups.send(f"account{number}")
            heard: set[str] = set()
            async with asyncio.timeout(120):
                while len(heard) < many:
                    await asyncio.sleep(0.01)
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            heard.update(busy.recv(DATAGRAM_OCTETS).decode().splitlines())
            wakeups.close()
            return heard

    assert asyncio.run(send()) == {f"account{number}" for number in range(many)}


def test_what_changes_at_once_is_told_at_once_and_together(tmp_path: Path) -> None:
    """A minute in which all get mail: each process is woken some times, and not once for each of them; and hears of all."""
    many = 5000

    async def send() -> tuple[list[list[str]], list[str]]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(tmp_path / "1.wake"))
            other.settimeout(30)
            own: list[str] = []
            wakeups = Wakeups(tmp_path, own.append, unlogged)
            datagrams: list[list[str]] = []

            def hear() -> None:
                while not datagrams or datagrams[-1][-1] != "last":
                    datagrams.append(other.recv(DATAGRAM_OCTETS).decode().splitlines())

            def change() -> None:
                for number in range(many):
                    wakeups.send(f"account{number % 500}")

            hearing = asyncio.create_task(asyncio.to_thread(hear))
            wakeups.send("first")
            await asyncio.to_thread(change)
            wakeups.send("last")
            await hearing
            wakeups.close()
            return datagrams, own

    datagrams, own = asyncio.run(send())
    assert datagrams[0] == ["first"]
    assert {account for each in datagrams for account in each} == {
        "first",
        "last",
        *(f"account{number}" for number in range(500)),
    }
    assert set(own) == {account for each in datagrams for account in each}
    assert len(own) < many / 2
    assert len(datagrams) < many / 10


def test_who_has_no_event_loop_waits_for_a_busy_process(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as busy:
        busy.bind(str(tmp_path / "1.wake"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
            other.connect(str(tmp_path / "1.wake"))
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.send(b"bert")
        sending = threading.Thread(target=send_to_all, args=(tmp_path, "anna"))
        sending.start()
        while busy.recv(100) != b"anna":
            pass
        sending.join()


@pytest.mark.parametrize("deep", ["run", "a folder of a project/" * 12 + "run"])
def test_where_no_process_was_ever_started_nobody_is_woken(deep: str, tmp_path: Path) -> None:
    send_to_all(tmp_path / deep, "anna")
    assert list(tmp_path.iterdir()) == []


def test_behind_a_commit_nothing_fails() -> None:
    """Not even where it can't be logged."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    after_commit(fail, fail)
