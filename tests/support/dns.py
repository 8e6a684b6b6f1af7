"""A real DNS server (dnsmasq) on loopback that knows only what it is told."""

import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class PrivateDns:
    """``records``: lines of dnsmasq's configuration (``mx-host=…``, ``host-record=…``); every other name does not exist."""

    def __init__(self, root: Path, *records: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        root.mkdir(parents=True, exist_ok=True)
        config = root / "dnsmasq.conf"
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
        self._log = (root / "dnsmasq.log").open("wb")
        self._process = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", f"--conf-file={config}", f"--user={os.environ.get('USER', 'root')}", "--pid-file"],
            stdout=self._log, stderr=self._log,
            env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"},
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline, (root / "dnsmasq.log").read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        assert self._process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
