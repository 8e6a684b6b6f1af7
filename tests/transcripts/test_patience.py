"""How long a source that asks to come later is waited for, on a clock that runs faster."""

import asyncio
from collections.abc import Awaitable, Callable

from bascule.sources.patience import Patience
from bascule.wire.backoff import Backoff
from support.hurry import in_a_hurry


def _seconds(course: Callable[[Patience], Awaitable[None]]) -> float:
    async def timed() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await course(Patience(Backoff()))
        return loop.time() - began

    with in_a_hurry():
        return asyncio.run(timed())


async def _refused(patience: Patience, code: str = "UNAVAILABLE") -> None:
    """One message that is refused whenever it is asked for."""
    one = patience.with_one()
    while await patience.wait(code, "backend error", one):
        pass
    patience.given_up()


def test_one_message_that_can_not_be_given_costs_seconds() -> None:
    assert 7 < _seconds(_refused) < 20


def test_what_is_no_matter_of_time_is_not_waited_for() -> None:
    assert _seconds(lambda patience: _refused(patience, "CANNOT")) < 1


def test_where_waiting_did_not_help_one_message_the_next_is_not_waited_for_as_long() -> None:
    async def course(patience: Patience) -> None:
        for _ in range(10):
            for _ in range(3):
                await _refused(patience)
            patience.given()

    assert _seconds(course) < 10 * 12


def test_a_server_that_gives_nothing_is_waited_for_as_a_whole_and_once() -> None:
    async def course(patience: Patience) -> None:
        for _ in range(1000):
            await _refused(patience)

    assert 600 < _seconds(course) < 700


def test_a_server_that_comes_back_is_waited_for_again_another_time() -> None:
    async def course(patience: Patience) -> None:
        await _refused(patience)
        patience.given()
        assert patience.with_one().asked_seconds == Patience(Backoff()).with_one().asked_seconds

    _seconds(course)
