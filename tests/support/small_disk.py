"""A file system of a few MB in memory, to be filled. Mounting one needs root."""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self


class SmallDisk:
    """Mounted at ``place`` while the block lasts."""

    def __init__(self, place: Path, megabytes: int) -> None:
        self.place = place
        place.mkdir(parents=True, exist_ok=True)
        self._filler = place / "filler"
        self._size = megabytes

    def fill(self, but_octets: int = 0) -> None:
        """Leave ``but_octets`` free."""
        status = os.statvfs(self.place)
        free = status.f_bavail * status.f_frsize - but_octets
        with self._filler.open("ab") as file:
            file.write(b"x" * max(0, free))

    def empty(self) -> None:
        self._filler.unlink()

    def __enter__(self) -> Self:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self._size}m", "tmpfs", str(self.place)], check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)
