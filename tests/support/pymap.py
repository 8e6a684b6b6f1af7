"""A pymap of our own on loopback: an IMAP server in Python, all in memory. The password is ``secret``."""

import socket
import subprocess
import time
from types import TracebackType
from typing import Self

from support import parts
from support.dovecot import PASSWORD, free_port


class PrivatePymap:
    """Use as a context manager. It has one user."""

    def __init__(self, user: str) -> None:
        self.port = free_port()
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [parts.pymap_program(), "--host", "127.0.0.1", "--port", str(self.port), "--no-tls",
             "dict", "--demo-user", self._user, "--demo-password", PASSWORD],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    probe.settimeout(5)
                    if probe.recv(10).startswith(b"* OK"):
                        return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError("pymap does not start")

    def url(self, user: str) -> str:
        return f"imap://{user}@127.0.0.1:{self.port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()  # in an endless loop it does not hear of being asked
            self._process.wait(10)
