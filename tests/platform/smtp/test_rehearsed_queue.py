"""In a rehearsal the queue goes by the rehearsal's time, as all doors do."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from bascule.platform.clock import Clock
from bascule.platform.smtp.queue import QueueStore
from support.far_server import FarServer
from support.server import ANNA, PrivateBascule
from support.smtp import SmtpDialogue, message

HOUR = 3600.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_waits_for_an_hour_is_tried_when_the_clock_is_an_hour_on(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    begun = time.time() + 100 * HOUR
    clock.move_to(begun)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"server": 'rehearsal_clock = "clock"', "queue": f'smarthost = "127.0.0.1:{port}"\nfirst_retry = "1 h"'}
    with PrivateBascule(tmp_path, settings=settings) as server:
        with SmtpDialogue(server.ports["submission"]) as submission:
            submission.login(ANNA)
            assert submission.deliver(message("x", ANNA), ANNA, "zoe@far.example").code == 250
        store = QueueStore(tmp_path / "data")
        try:
            wait_until(lambda: [each.recipients[0].attempts for each in store.all()] == [1])
            [entry] = store.all()
            assert begun <= entry.arrived_utc < begun + HOUR
            assert HOUR / 2 < entry.recipients[0].next_utc - entry.arrived_utc < 2 * HOUR
            with FarServer(port=port) as far:
                clock.move_to(begun + 3 * HOUR)
                wait_until(lambda: far.messages != [] and store.all() == [])
        finally:
            store.close()
