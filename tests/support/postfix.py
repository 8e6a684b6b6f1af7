"""A Postfix of our own: its queue, configuration and port are in one folder. Needs root, as Postfix does."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class PrivatePostfix:
    """Takes mail for example.org and hands it to ``transport`` (``lmtp:inet:…``)."""

    def __init__(self, transport: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.root.chmod(0o755)  # its own user reads it
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        for name in ("config", "queue", "data"):
            (self.root / name).mkdir()
        shutil.chown(self.root / "data", "postfix")
        (self.root / "config/main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {self.root}/queue
data_directory = {self.root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = front.example
mydestination =
inet_interfaces = 127.0.0.1
relay_domains = example.org
relay_transport = {transport}
smtpd_relay_restrictions = permit_auth_destination, reject
smtpd_recipient_restrictions =
smtpd_client_connection_count_limit = 0
maillog_file = {self.root}/log
maillog_file_prefixes = {self.root}
maximal_queue_lifetime = 1h
alias_maps =
""")
        master = Path("/usr/share/postfix/master.cf.dist").read_text()
        lines = [line for line in master.splitlines() if line and not line.startswith("#")]
        lines = [line.replace("smtp      inet", f"127.0.0.1:{self.port} inet", 1) for line in lines]
        lines = [_not_in_a_jail(line) for line in lines if not line.startswith(("pickup",))]
        (self.root / "config/master.cf").write_text("\n".join(lines) + "\n")

    def _postfix(self, *words: str) -> None:
        done = subprocess.run(
            ["postfix", "-c", str(self.root / "config"), *words], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def log(self) -> str:
        path = self.root / "log"
        return path.read_text() if path.exists() else ""

    def __enter__(self) -> Self:
        self._postfix("start")
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert time.monotonic() < deadline, self.log()
                time.sleep(0.1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._postfix("stop")
        shutil.rmtree(self.root, ignore_errors=True)


def _not_in_a_jail(line: str) -> str:
    """Column five of master.cf: chroot."""
    words = line.split()
    if line[:1].isspace() or len(words) < 8:
        return line
    words[4] = "n"
    return " ".join(words)
