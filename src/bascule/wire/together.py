"""Several connections that work side by side for one purpose."""

import asyncio
from collections.abc import Awaitable, Sequence


async def run_together(workers: Sequence[Awaitable[None]]) -> None:
    """Run workers side by side; when one fails the others are stopped, and its own error is raised."""
    tasks = [asyncio.ensure_future(worker) for worker in workers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
