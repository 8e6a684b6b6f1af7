"""Threads for what only reads and may take long: a lookup of a name, a walk through files."""

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Unawaited(ThreadPoolExecutor):
    """An event loop's default executor: each call has a thread of its own, for which neither the loop waits at its end nor the process. So whoever
    stops a run need not wait until a resolver answers, or a file of many gigabytes is read through. A call that changes something, or uses what the
    caller closes, must be waited for by its caller.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads_at_work: list[threading.Thread] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        result: Future[T] = Future()
        thread = threading.Thread(target=_settle, args=(result, fn, args, kwargs), daemon=True)
        self._threads_at_work = [one for one in self._threads_at_work if one.is_alive()]
        self._threads_at_work.append(thread)
        thread.start()
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nobody waits any more: what is still at work ends with its next line of Python. Going on, it would slow down whoever writes the report, since
        one thread of an interpreter runs at a time."""
        for thread in self._threads_at_work:
            if thread.is_alive() and thread.ident is not None:
                # https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc; threads end in silence with SystemExit.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))


def _settle(result: Future[T], call: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        value = call(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - it is raised where the call is awaited
        result.set_exception(error)
    else:
        result.set_result(value)
