"""Writing a file of a report's folder, which may be somebody's own folder with files of theirs in it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO


@contextmanager
def placed(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` when all of it is written; until then, and after an error, there is what was there before.

    A link there makes way, and what it points to is left alone. Readable by its owner alone (mode 0600), or as the file was before it.
    Raises OSError.
    """
    with NamedTemporaryFile(dir=path.parent, prefix=".bascule-", delete=False) as file:
        try:
            yield file
            file.flush()
            if (mode := _mode_of(path)) is not None:
                os.fchmod(file.fileno(), mode)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _mode_of(path: Path) -> int | None:
    """Of a file that is there; None where there is none, or something else."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else None
