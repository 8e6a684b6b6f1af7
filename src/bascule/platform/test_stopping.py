import subprocess
import sys
import threading
import time

from bascule.platform.stopping import Stop

_TOLD_IN_THE_MIDDLE = """
import random, signal
from bascule.platform.stopping import Stop

stop = Stop()
signal.signal(signal.SIGALRM, lambda *_: stop.set())
for _ in range(500):
    stop = Stop()
    signal.setitimer(signal.ITIMER_REAL, random.uniform(2e-5, 4e-4))
    while not stop.wait(1e-5):
        pass
print("ended")
"""


def test_a_signal_in_the_middle_of_a_wait_ends_it() -> None:
    """At any of its steps: five hundred times, at a random one. With a threading.Event it hangs within the first few."""
    done = subprocess.run(
        [sys.executable, "-c", _TOLD_IN_THE_MIDDLE], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout == "ended\n", done.stderr


def test_it_waits_and_lets_everybody_go_on() -> None:
    stop = Stop()
    assert not stop.wait(0.01)
    assert not stop.is_set()
    told: list[bool] = []
    threads = [threading.Thread(target=lambda: told.append(stop.wait(60))) for _ in range(3)]
    for each in threads:
        each.start()
    time.sleep(0.05)
    stop.set()
    for each in threads:
        each.join(60)
    assert told == [True] * 3
    assert stop.wait()
    assert stop.is_set()
