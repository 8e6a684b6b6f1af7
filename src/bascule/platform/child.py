"""How each process that `bascule.platform.supervisor` starts begins and ends.

Its standard input is the parent's: one line of JSON, then silence. When it ends, the parent is gone or wants it to stop: what is due is
finished, and the process ends.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from bascule.platform import limits
from bascule.platform.logs import set_up_logs


def run_child(serve: Callable[[dict[str, Any], asyncio.Event], Awaitable[None]]) -> None:
    """``serve``: what the process is for, with its orders, until the event is set."""
    set_up_logs()
    sys.setswitchinterval(limits.SWITCH_SECONDS)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(serve))


async def _run(serve: Callable[[dict[str, Any], asyncio.Event], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    orders = json.loads(sys.stdin.readline())
    until = asyncio.Event()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    task = asyncio.ensure_future(serve(orders, until))
    ended = loop.create_task(reader.read())
    await asyncio.wait([task, ended], return_when=asyncio.FIRST_COMPLETED)
    until.set()
    await task
    ended.cancel()
