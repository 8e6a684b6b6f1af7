"""A folder of a test that everybody on this machine comes into."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reached_by_everybody(folder: Path) -> Iterator[None]:
    """Tests run in a folder that nobody else comes into; now everybody does."""
    changed = [(each, each.stat().st_mode) for each in folder.parents if not each.stat().st_mode & stat.S_IXOTH]
    for each, mode in changed:
        each.chmod(mode | stat.S_IXOTH)
    try:
        yield
    finally:
        for each, mode in changed:
            each.chmod(mode)
