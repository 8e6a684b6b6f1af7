"""Processes of one machine wake each other, wherever the installation lies."""

import asyncio
from pathlib import Path

import pytest

from bascule.platform.wakeups import Wakeups, send_to_all


@pytest.mark.parametrize("deep", ["run", "a folder of a project/" * 12 + "run"])
def test_a_wake_up_arrives(tmp_path: Path, deep: str) -> None:
    """A socket's path is short; a folder's need not be."""

    async def listen() -> str:
        woken: asyncio.Queue[str] = asyncio.Queue()
        wakeups = Wakeups(tmp_path / deep, woken.put_nowait)
        send_to_all(tmp_path / deep, "anna")
        try:
            return await asyncio.wait_for(woken.get(), 10)
        finally:
            wakeups.close()

    assert asyncio.run(listen()) == "anna"
    assert list((tmp_path / deep).iterdir()) == []
