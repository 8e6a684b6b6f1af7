"""How many files a server process may have open, and what its event loop complains of."""

import asyncio
import errno
import resource
from collections.abc import Iterator
from typing import Any

import pytest

from bascule.platform.child import OPEN_FILES, raise_file_limit
from bascule.platform.worker import LOGGED_AGAIN_SECONDS, LoopErrors


def test_a_process_takes_as_many_files_as_it_may_and_no_fewer_than_it_has() -> None:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, most))
        assert raise_file_limit() == allowed
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (allowed, most)
        if most == resource.RLIM_INFINITY or most > OPEN_FILES:
            resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES + 1, most))
            raise_file_limit()
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (OPEN_FILES + 1, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))


class Hour(asyncio.SelectorEventLoop):
    """A loop on which time passes as a test wants it."""

    now = 1000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def hour() -> Iterator[Hour]:
    loop = Hour()
    yield loop
    loop.close()


def test_what_the_event_loop_meets_again_and_again_is_logged_once_a_minute_with_how_often(hour: Hour) -> None:
    """As where no descriptor is left to accept with: each second, for each socket."""
    logged: list[dict[str, Any]] = []
    hour.set_exception_handler(LoopErrors(lambda event, **fields: logged.append({"event": event, **fields})))
    error = OSError(errno.EMFILE, "Too many open files")

    def meet(problem: OSError) -> None:
        hour.call_exception_handler({"message": "socket.accept() out of system resource", "exception": problem})

    for _ in range(100):
        meet(error)
    assert [each["not_logged_before"] for each in logged] == [0]
    assert (logged[0]["event"], logged[0]["exc_info"]) == ("loop-error", error)
    assert "Too many open files" in logged[0]["message"]
    meet(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert len(logged) == 2, "another error is not kept back"
    hour.now += LOGGED_AGAIN_SECONDS + 1
    for _ in range(3):
        meet(error)
    assert [each["not_logged_before"] for each in logged] == [0, 0, 99]
