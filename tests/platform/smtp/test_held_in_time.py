"""A message that an administrator holds or deletes while it waits for another server does not go there; where it is too late, they are told so."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bascule.commands.main import cli
from bascule.platform.smtp.queue import State
from support.far_server import PLAIN, FarServer
from support.queue_rig import queue_rig

ZOE = "zoe@[127.0.0.1]"


@pytest.mark.parametrize("word", ["greeting", "RCPT", "DATA"])
@pytest.mark.parametrize("change", ["hold", "delete"])
def test_what_is_held_or_deleted_before_its_octets_go_is_not_sent(tmp_path: Path, word: str, change: str) -> None:
    with FarServer() as server, queue_rig(tmp_path, server.port) as rig:
        plain = PLAIN.get(word, b"250 2.0.0 fine\r\n")
        assert isinstance(plain, bytes)
        changes: dict[str, Callable[[], object]] = {
            "hold": lambda: rig.store.change("a", State.HELD),
            "delete": lambda: rig.store.delete("a"),
        }

        def change_and_say(connection: socket.socket) -> None:
            if changes:
                changes[change]()
                changes.clear()
            server.answers[word] = plain
            connection.sendall(plain)

        server.answers[word] = change_and_say
        rig.put("a", ZOE)
        rig.run(lambda: not changes and all(task.done() for task in rig.runner._tasks.values()))
        assert server.messages == []
        held = [each.state for entry in rig.store.all() for each in entry.recipients]
        assert held == ([State.HELD] if change == "hold" else [])
        assert rig.store.begun() == []
        assert rig.logged == []
        rig.store.change("a", State.WAITING)
        rig.run(lambda: not rig.store.all())
        assert len(server.messages) == (1 if change == "hold" else 0)


@pytest.mark.parametrize("words", [("hold",), ("delete", "--yes")])
def test_where_it_is_too_late_that_is_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "bascule.toml").write_text('[server]\ndata = "data"\n')
    said: list[str] = []

    def change_and_say(connection: socket.socket) -> None:
        for message in ("a", "b"):
            told = [words[0], "--config", str(tmp_path / "bascule.toml"), *words[1:], message]
            done = CliRunner().invoke(cli, ["queue", *told[1:3], told[0], *told[3:]], standalone_mode=False)
            assert done.exception is None, done.output
            said.append(done.stdout)
        connection.sendall(b"250 2.0.0 taken\r\n")

    with FarServer({"end": change_and_say}) as server, queue_rig(tmp_path / "data", server.port) as rig:
        rig.put("a", ZOE)
        rig.put("b", ZOE)
        rig.store.put_off("b", {ZOE: time.time() + 3600})
        rig.run(lambda: len(said) == 2 and not rig.store.begun())
        assert "may arrive all the same" in said[0]
        assert "may arrive all the same" not in said[1]
        assert len(server.messages) == 1
