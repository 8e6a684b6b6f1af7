"""Threads for what only reads and may take long: a lookup of a name, a walk through files."""

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

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        result: Future[T] = Future()
        threading.Thread(target=_settle, args=(result, fn, args, kwargs), daemon=True).start()
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No thread waits for more to do."""


def _settle(result: Future[T], call: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        value = call(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - it is raised where the call is awaited
        result.set_exception(error)
    else:
        result.set_result(value)
