"""Progress of what is counted, and moves no mail: a bar on a terminal, plain lines otherwise."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from bascule.commands.terminal import say

LINE_SECONDS = 10.0
"""Between plain lines of progress: a log of an hour stays readable."""


@contextlib.contextmanager
def counting(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """How far something is that is counted: call what it gives with how many are done. A bar on a terminal, plain lines otherwise; nothing for nothing."""
    if not total:
        yield lambda done: None
    elif sys.stderr.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as progress:
            task = progress.add_task(title, total=total)
            yield lambda done: progress.update(task, completed=done)
    else:
        said = time.monotonic()

        def tell(done: int) -> None:
            nonlocal said
            if time.monotonic() - said >= LINE_SECONDS:
                said = time.monotonic()
                say(f"{title}: {done} of {total}", err=True)

        yield tell
