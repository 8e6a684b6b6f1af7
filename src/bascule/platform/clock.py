"""The time that doors, dates and queues go by. TLS, one-time codes, deadlines of protocols and signatures stay on real time.

In a rehearsal or a demo `bascule clock` shifts it: by a file that every process of the installation reads, so that all change together.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Clock:
    """Seconds since 1970. ``file``: where the shift is; None: real time, always."""

    file: Path | None = None
    _seen: tuple[int, int] = field(default=(0, 0), init=False)
    _shift_seconds: float = field(default=0.0, init=False)

    def __call__(self) -> float:
        return time.time() + self.shift_seconds

    @property
    def shift_seconds(self) -> float:
        """What is added to real time."""
        if self.file is None:
            return 0.0
        try:
            now = self.file.stat()
        except FileNotFoundError:
            return 0.0
        seen = (now.st_mtime_ns, now.st_ino)
        if seen != self._seen:
            told = json.loads(self.file.read_text("utf-8"))
            self._shift_seconds, self._seen = float(told["shift_seconds"]), seen
        return self._shift_seconds

    def move_to(self, utc: float) -> None:
        """From now on the clock goes on from ``utc``. Raises OSError."""
        assert self.file is not None
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps({"shift_seconds": utc - time.time()}), "utf-8")
        os.replace(partial, self.file)
