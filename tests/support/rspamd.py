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
_START_SECONDS = 120
"""Its first start compiles expressions, on a machine that is busy."""


class PrivateRspamd:
    def __init__(self, root: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        root.mkdir(parents=True, exist_ok=True)
        config = root / "rspamd.conf"
        # Of the ten thousand public suffixes that it knows, it would compile each, and keep the outcome in the system's folder.
        (root / "suffixes").write_text("com\nexample\n")
        (root / "cache").mkdir()
        config.write_text(f"""
options {{
    pidfile = "{root}/pid"; filters = ""; enable_test_patterns = true; control_socket = "{root}/control mode=0600";
    url_tld = "{root}/suffixes"; hs_cache_dir = "{root}/cache";
}}
logging {{ type = "file"; filename = "{root}/log"; level = "info"; }}
actions {{ reject = 15; add_header = 6; }}
worker "rspamd_proxy" {{
    bind_socket = "127.0.0.1:{self.port}"; milter = yes; timeout = 20s; count = 1;
    upstream "local" {{ default = yes; self_scan = yes; }}
}}
""")
        self._root = root
        self._output = (root / "output").open("wb")
        self._process = subprocess.Popen(
            ["rspamd", "-f", "-i", "-c", str(config), f"--var=DBDIR={root}/cache"],
            stdout=self._output,
            stderr=self._output,
            stdin=subprocess.DEVNULL,
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        """Until it listens. Raises AssertionError with what it wrote down."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"rspamd did not start:\n{self._written()}") from None
                time.sleep(0.1)

    def _written(self) -> str:
        files = (self._root / "output", self._root / "log")
        return "".join(file.read_text(errors="replace")[-4000:] for file in files if file.exists())

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
