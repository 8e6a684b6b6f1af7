"""One piece for each account in each turn of the event loop."""

import asyncio

from bascule.platform.imap.turns import Turns


def test_many_pieces_of_one_account_leave_others_their_turn() -> None:
    done: list[str] = []

    async def run() -> None:
        turns = Turns()
        for number in range(5):
            turns.ask("anna", lambda number=number: done.append(f"a{number}"))  # type: ignore[misc]
        turns.ask("bert", lambda: done.append("b0"))
        assert done == ["a0", "b0"], "the first of each at once"
        for turn in range(1, 5):
            await asyncio.sleep(0)
            assert done[-1] == f"a{turn}"
        await asyncio.sleep(0)
        turns.ask("anna", lambda: done.append("a5"))
        assert done[-1] == "a5", "who has had no turn for a while has one at once"
        turns.ask("anna", lambda: turns.ask("anna", lambda: done.append("a6")))
        for _ in range(4):
            await asyncio.sleep(0)
        assert done[-1] == "a6"
        assert not turns._waiting

    asyncio.run(asyncio.wait_for(run(), 20))
