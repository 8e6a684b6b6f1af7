"""While the queue's rows can't be written, no other server gets a message twice: it would not know it again."""

import contextlib
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.platform.smtp.queue import limits
from bascule.terms.body import HeldBody
from support.far_server import FarServer
from support.queue_rig import TEXT, QueueRig, queue_rig
from support.server import ANNA

ZOE = "zoe@[127.0.0.1]"


class Locked:
    """Another program that has the queue's file locked, once it is told to. ``reply``: what the other server says then of the message."""

    def __init__(self, data: Path, reply: bytes = b"250 2.0.0 taken\r\n") -> None:
        self._database = sqlite3.connect(data / "queue.sqlite", isolation_level=None, check_same_thread=False)
        self._reply = reply
        self.is_locked = False

    def lock(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self.is_locked = True

    def lock_and_reply(self, connection: socket.socket) -> None:
        self.lock()
        connection.sendall(self._reply)

    def unlock(self) -> None:
        self._database.execute("ROLLBACK")
        self.is_locked = False

    def close(self) -> None:
        self._database.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ERROR_SECONDS", 0.02)


@contextlib.contextmanager
def rig_of(data: Path, server: FarServer) -> Iterator[QueueRig]:
    with queue_rig(data, server.port) as rig:
        rig.store._database.execute("PRAGMA busy_timeout = 10")
        yield rig


def failures(rig: QueueRig) -> int:
    return [event for event, _ in rig.logged].count("queue-unwritable")


def test_what_was_sent_is_sent_once_however_long_it_can_not_be_noted(tmp_path: Path) -> None:
    with FarServer() as server, rig_of(tmp_path, server) as rig, contextlib.closing(Locked(tmp_path)) as locked:
        server.answers["end"] = locked.lock_and_reply
        rig.put("a", ZOE)

        def is_over() -> bool:
            if failures(rig) >= 20 and locked.is_locked:
                locked.unlock()
            return not rig.store.all()

        rig.run(is_over)
        assert len(server.messages) == 1
        assert [row.event for row in rig.rows() if row.message == "a"] == ["sent"]


def test_nothing_is_sent_that_could_not_be_noted_before(tmp_path: Path) -> None:
    with FarServer() as server, rig_of(tmp_path, server) as rig, contextlib.closing(Locked(tmp_path)) as locked:
        rig.put("a", ZOE)
        locked.lock()
        rig.run(lambda: failures(rig) >= 20)
        assert server.messages == []
        locked.unlock()
        rig.run(lambda: not rig.store.all())
        assert len(server.messages) == 1


def test_a_process_that_ends_before_it_could_note_what_it_sent_tries_again_when_a_failed_attempt_would_be(
    tmp_path: Path,
) -> None:
    with FarServer() as server, contextlib.ExitStack() as stack:
        with rig_of(tmp_path, server) as rig:
            locked = stack.enter_context(contextlib.closing(Locked(tmp_path)))
            server.answers["end"] = locked.lock_and_reply
            rig.put("a", ZOE)
            rig.run(lambda: failures(rig) > 0)
        locked.unlock()
        with queue_rig(tmp_path, server.port, logins=()) as rig:
            [entry] = rig.store.all()
            assert entry.recipients[0].next_utc > time.time() + 100.0
            rig.put("b", "bob@[127.0.0.1]")
            server.answers["end"] = b"250 2.0.0 taken\r\n"
            rig.run(lambda: len(rig.store.all()) == 1)
        assert len(server.messages) == 2


def test_a_server_that_refuses_for_now_is_not_asked_again_and_again_because_that_can_not_be_noted(
    tmp_path: Path,
) -> None:
    refusal = b"451 4.3.0 later\r\n"
    with FarServer() as server, rig_of(tmp_path, server) as rig:
        with contextlib.closing(Locked(tmp_path, refusal)) as locked:
            server.answers["end"] = locked.lock_and_reply
            rig.put("a", ZOE)
            rig.run(lambda: failures(rig) >= 20)
        assert server.connections == 1
        [entry] = rig.store.all()
        assert entry.recipients[0].next_utc > time.time() + 100.0


def test_of_a_message_that_could_not_be_queued_nothing_stays(tmp_path: Path) -> None:
    with queue_rig(tmp_path) as rig, contextlib.closing(Locked(tmp_path)) as locked:
        rig.store._database.execute("PRAGMA busy_timeout = 10")
        locked.lock()
        for put in (
            lambda: rig.put("a", ZOE),
            lambda: rig.store.answer("b", [ZOE], "c", HeldBody(TEXT), ANNA, is_final=True, is_here=True),
        ):
            with pytest.raises(sqlite3.OperationalError):
                put()
        assert list((tmp_path / "queue").iterdir()) == []
        locked.unlock()
