"""Stopped or killed between a message's octets and the other server's answer: it goes again, and that is said; nothing else is."""

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest

from bascule.platform.smtp.queue import limits
from support.far_server import Answer, FarServer
from support.queue_rig import QueueRig, queue_rig

ZOE, BOB, LATER = "zoe@[127.0.0.9]", "nobody@[127.0.0.9]", "later@[127.0.0.9]"


class SlowServer(FarServer):
    """It takes messages, and says nothing of them until it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        answers: dict[str, Answer] = {"end": self._answer, f"RCPT TO:<{BOB}>": b"550 5.1.1 nobody\r\n"}
        super().__init__(answers, host="127.0.0.9")

    def _answer(self, connection: socket.socket) -> None:
        self.may_answer.wait(60)
        connection.sendall(b"250 2.0.0 taken\r\n")


def stop_in_the_middle(rig: QueueRig, far: FarServer) -> None:
    """As the queue's process is stopped."""

    async def run() -> None:
        until = asyncio.Event()
        task = asyncio.create_task(rig.runner.run(asyncio.Event(), until))
        while not (far.messages and rig.store.begun()):
            assert not task.done()
            await asyncio.sleep(0.02)
        until.set()
        await asyncio.wait_for(task, 60)

    asyncio.run(run())


def test_what_a_stop_cuts_off_is_told_in_the_queue_the_trace_and_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STOP_SECONDS", 0.2)
    with SlowServer() as far, queue_rig(tmp_path, far.port) as rig:
        rig.put("one", ZOE, BOB)
        stop_in_the_middle(rig, far)
        rig.conclusions.note_cut_off(rig.log)
        waiting = {each.address: each for entry in rig.store.all() for each in entry.recipients}
        assert (waiting[ZOE].attempts, waiting[BOB].attempts) == (1, 0)
        assert "may arrive twice" in waiting[ZOE].reply
        assert "twice" not in waiting[BOB].reply
        assert min(each.next_utc for each in waiting.values()) > time.time() + 60, "after the wait of a failed attempt"
        [row] = rig.rows()
        assert (row.event, row.recipient, row.subject) == ("delayed", ZOE, "x")
        assert "may arrive twice" in row.detail
        assert [fields["recipient"] for event, fields in rig.logged if event == "sending-cut-off"] == [ZOE]
        far.may_answer.set()
        assert rig.store.retry("one")
        rig.run(lambda: not any(entry.id == "one" for entry in rig.store.all()))
        assert len(far.messages) == 2
        assert rig.store.begun() == []


def test_after_a_kill_it_is_told_too(tmp_path: Path) -> None:
    with SlowServer() as far:
        with queue_rig(tmp_path, far.port) as killed:
            killed.put("one", ZOE)
            killed.run(lambda: bool(far.messages and killed.store.begun()))  # cancelled, with no word
            assert killed.store.all()[0].recipients[0].attempts == 0
        with queue_rig(tmp_path, far.port, logins=()) as rig:
            rig.conclusions.note_cut_off(rig.log)
            [waiting] = rig.store.all()[0].recipients
            assert (waiting.attempts, "may arrive twice" in waiting.reply) == (1, True)
            rig.conclusions.note_cut_off(rig.log)
            assert rig.store.all()[0].recipients[0].attempts == 1
            assert len(rig.rows()) == 1


def test_what_is_answered_is_never_told_as_cut_off(tmp_path: Path) -> None:
    answers = {f"RCPT TO:<{LATER}>": b"450 4.2.1 later\r\n"}
    with FarServer(answers, host="127.0.0.9") as far, queue_rig(tmp_path, far.port) as rig:
        rig.put("one", ZOE, LATER)
        rig.run(lambda: [each.attempts for entry in rig.store.all() for each in entry.recipients] == [1])
        assert rig.store.begun() == []
        rig.put("two", ZOE)
        assert rig.store.delete("two")
        rig.conclusions.note_cut_off(rig.log)
        assert not any(event == "sending-cut-off" for event, _ in rig.logged)
        assert {row.event for row in rig.rows()} == {"sent", "delayed"}
