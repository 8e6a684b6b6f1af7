"""A real rspamd on loopback, as a milter, with nothing but its test patterns switched on."""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_GTUBE = "JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
REFUSED = f"X{_GTUBE}\r\n"
"""A line that rspamd refuses a message for."""
MARKED = f"Y{_GTUBE}\r\n"
"""A line that it marks a message as spam for."""


class PrivateRspamd:
    def __init__(self, root: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        root.mkdir(parents=True, exist_ok=True)
        config = root / "rspamd.conf"
        config.write_text(f"""
options {{ pidfile = "{root}/pid"; filters = ""; enable_test_patterns = true; control_socket = "{root}/control mode=0600"; }}
logging {{ type = "file"; filename = "{root}/log"; level = "info"; }}
actions {{ reject = 15; add_header = 6; }}
worker "rspamd_proxy" {{
    bind_socket = "127.0.0.1:{self.port}"; milter = yes; timeout = 20s; count = 1;
    upstream "local" {{ default = yes; self_scan = yes; }}
}}
""")
        self._output = (root / "output").open("wb")
        self._process = subprocess.Popen(
            ["rspamd", "-f", "-i", "-c", str(config)],
            stdout=self._output,
            stderr=self._output,
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, (root / "output").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)

    @property
    def address(self) -> str:
        return f"inet:127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self.stop()
