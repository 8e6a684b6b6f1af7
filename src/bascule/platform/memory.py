"""Memory that was needed once is given back: a server process lives for months, and one hostile mail must not make it large for good.

glibc keeps what was freed for the next who asks; and once a large block was freed it takes others of that size from where small ones lie, so that
a single small one holds megabytes. Neither is wanted here: large blocks are mapped each on its own, threads share few places to take from, and what
lies free at the end is given back now and then. Elsewhere than on glibc nothing is done.
"""

import ctypes
import threading
import time

MAPPED_OCTETS = 512 * 1024
"""From this size on a block is mapped on its own, and given back when it is freed: a message's octets, seldom anything else."""
ARENAS = 2
"""Places that threads take small blocks from; glibc would make eight for each processor."""
PAUSE_SECONDS = 10.0
"""Between two times that free memory is given back: it takes some milliseconds."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""malloc.h"""

_guard = threading.Lock()
_given_back_at = 0.0


def settle() -> None:
    """At the start of a process that lives long."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED_OCTETS)
        mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """After something large, by any thread. Does nothing within `PAUSE_SECONDS` of the last time."""
    global _given_back_at
    with _guard:
        now = time.monotonic()
        if now - _given_back_at < PAUSE_SECONDS:
            return
        _given_back_at = now
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
