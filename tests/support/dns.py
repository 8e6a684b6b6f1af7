"""A real DNS server (dnsmasq) on loopback that knows only what it is told."""

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_TRIALS = 5
"""Of ports."""


class PrivateDns:
    """``records``: lines of dnsmasq's configuration (``mx-host=…``, ``host-record=…``); every other name does not exist."""

    def __init__(self, root: Path, *records: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._log = (root / "dnsmasq.log").open("wb")
        for _ in range(_TRIALS):
            self._start(records)
            if self._is_there():
                return
        raise AssertionError((root / "dnsmasq.log").read_text())

    def _start(self, records: Sequence[str]) -> None:
        """On a port that nobody had by UDP a moment ago; by TCP somebody may have it, as the near end of a connection."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = self._root / "dnsmasq.conf"
        lines = [
            "no-resolv",
            "no-hosts",
            "listen-address=127.0.0.1",
            "bind-interfaces",
            f"port={self.port}",
            "local=/example/",
            *records,
        ]
        config.write_text("\n".join(lines) + "\n")
        self._process = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", f"--conf-file={config}", f"--user={os.environ.get('USER', 'root')}", "--pid-file"],
            stdout=self._log, stderr=self._log,
            env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"},
        )  # fmt: skip

    def _is_there(self) -> bool:
        """It answers; False where it ended, since its port was taken."""
        deadline = time.monotonic() + 10
        while self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                assert time.monotonic() < deadline, (self._root / "dnsmasq.log").read_text()
                time.sleep(0.05)
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
