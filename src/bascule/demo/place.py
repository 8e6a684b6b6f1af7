"""A demo's folder: one demo at a time lives in it, and a new one makes a new start."""

import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from bascule.terms.errors import BasculeError, ExitStatus

_MARK = ".bascule-demo"
"""In each demo's folder. Locked by the demo that lives there, whose process id it holds."""
PROCESS = "process"
"""In each platform's folder, while it serves: its process id."""
_STOP_SECONDS = 30
"""For servers that a demo left behind: they write down what they hold."""


@contextlib.contextmanager
def claimed(place: Path) -> Iterator[None]:
    """The folder is this demo's alone within the block. Servers that a killed demo left in it are stopped; nothing is removed yet: `clear`.

    Raises BasculeError where another demo is running there, or where the folder is not a demo's: nothing was touched then.
    """
    if place.exists() and any(place.iterdir()) and not (place / _MARK).exists():
        raise BasculeError(f"{place} is not a demo's folder.", "Name another with --dir.", ExitStatus.USAGE)
    place.mkdir(parents=True, exist_ok=True)
    with (place / _MARK).open("a+") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            mark.seek(0)
            raise BasculeError(
                f"A demo is running in {place} (process {mark.read().strip() or 'unknown'}).",
                "Stop it with Ctrl-C, or make a second one beside it: give another --port-base, and no --dir or another one.",
                ExitStatus.USAGE,
            ) from error
        mark.truncate(0)
        mark.write(f"{os.getpid()}\n")
        mark.flush()
        _end_what_was_left(place)
        yield


def clear(place: Path) -> None:
    """A new start. The folder must be claimed."""
    for each in place.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name != _MARK:
            each.unlink()


def _end_what_was_left(place: Path) -> None:
    """A demo that was killed could not stop its servers. A process of that number which is none of them is left alone."""
    told = [file.read_text().strip() for file in place.glob(f"*/{PROCESS}")]
    left = [int(each) for each in told if each and _serves_from(int(each), place)]
    for process in left:
        os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while any(_serves_from(process, place) for process in left) and time.monotonic() < deadline:
        time.sleep(0.1)


def _serves_from(process: int, place: Path) -> bool:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word.startswith(os.fsencode(place.resolve()) + b"/") for word in words)
