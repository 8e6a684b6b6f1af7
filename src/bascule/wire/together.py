"""Several connections that work side by side for one purpose."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar

from bascule.wire.errors import NoPlace


class _Closes(Protocol):
    async def close(self) -> None: ...


A = TypeVar("A", bound=_Closes)
B = TypeVar("B", bound=_Closes)
T = TypeVar("T")
U = TypeVar("U")


async def run_together(workers: Sequence[Awaitable[None]]) -> None:
    """Run workers side by side; when one fails the others are stopped, and its own error is raised.

    A worker that raises NoPlace is not there, and the others do its part; when none is, the first one's NoPlace is raised.
    """
    absent: list[NoPlace] = []

    async def present(worker: Awaitable[None]) -> None:
        try:
            await worker
        except NoPlace as error:
            absent.append(error)

    tasks = [asyncio.ensure_future(present(worker)) for worker in workers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if absent and len(absent) == len(tasks):
        raise absent[0]


async def both(one: Awaitable[T], other: Awaitable[U]) -> tuple[T, U]:
    """Two pieces of work side by side. Where either fails, or the caller is stopped, the other is stopped, and the first error raised."""
    tasks = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def open_both(one: Awaitable[A], other: Awaitable[B]) -> tuple[A, B]:
    """Open both at once. Where either fails, or the caller is stopped meanwhile, the other is closed, and the first error raised."""
    opening = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        return await asyncio.gather(*opening)
    except BaseException:
        for task in opening:
            task.cancel()
        for opened in await asyncio.gather(*opening, return_exceptions=True):
            if not isinstance(opened, BaseException):
                await opened.close()
        raise
