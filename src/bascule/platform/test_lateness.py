"""The loop is helped while it is late, and no longer."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from bascule.platform import limits
from bascule.platform.fair_threads import FairThreads
from bascule.platform.lateness import Lateness


@pytest.fixture(autouse=True)
def switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


def test_who_works_for_long_gives_way_while_the_loop_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELPED_SECONDS", 0.3)

    async def run(members: FairThreads) -> None:
        Lateness(members).begin()
        await _until(lambda: members.of_long == limits.LONG_WORK_THREADS)
        time.sleep(limits.LATENESS_LOOKED_AT_SECONDS + 2 * limits.LATE_SECONDS)  # noqa: ASYNC251 - that is what makes it late
        await _until(lambda: members.of_long == limits.LONG_WORK_THREADS_WHEN_LATE)
        assert sys.getswitchinterval() == pytest.approx(limits.SWITCH_SECONDS_WHEN_LATE)
        await _until(lambda: members.of_long == limits.LONG_WORK_THREADS)
        assert sys.getswitchinterval() == pytest.approx(limits.SWITCH_SECONDS)

    with FairThreads(2, 1, limits.LONG_WORK_THREADS) as members:
        asyncio.run(run(members))
