"""One `bascule serve` for each data folder: two would deliver the same queue, and keep different connections to the same mailboxes."""

import fcntl
import os
from pathlib import Path

from bascule.terms.errors import BasculeError, ExitStatus

FILE = "serve.lock"
"""In ``run/`` of the data folder. It is kept: whoever removed it would let a second one lock another file of that name."""


class DataLock:
    """Held from its making until `close`, or until its process ends, however that ends: the kernel lets go of it (flock(2)). The file holds the process
    id of whoever has it, for the sentence that another one is told; what it holds while nobody has the lock means nothing.

    A lock of this kind belongs to the opened file, which a fork shares: each process that is forked closes it at once, so that none that outlives
    its parent keeps it. A program that is begun (exec) does not get it at all. Raises BasculeError where another process has it; OSError.
    """

    def __init__(self, data: Path) -> None:
        folder = data / "run"
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True)
        self._file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            told = os.read(self._file, 20).decode("ascii", "replace").strip()
            os.close(self._file)
            raise BasculeError(
                f"This installation is already running{f' (pid {told})' if told else ''}: “bascule serve” has the data folder {data}.",
                "Stop that one first (systemctl stop bascule), or name another data folder in bascule.toml.",
                ExitStatus.USAGE,
            ) from error
        os.ftruncate(self._file, 0)
        os.write(self._file, b"%d\n" % os.getpid())

    def close(self) -> None:
        """In a process that was forked, its parent has the lock as before."""
        os.close(self._file)
