"""A Cyrus of our own on loopback, from Debian's packages unpacked in the cache folder. Root starts it; it runs as ``mail``."""

import imaplib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from support import parts
from support.dovecot import free_port

_IMAPD = """
configdirectory: {root}/conf
partition-default: {root}/spool
defaultpartition: default
admins: cyrus
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {root}/sasldb2
sasl_mech_list: PLAIN LOGIN
unixhierarchysep: {unix}
altnamespace: {alt}
cyrus_user: mail
cyrus_group: mail
munge8bit: {munge}
sievedir: {root}/sieve
imapidlepoll: 1
"""
_CYRUS = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {root}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {root}/imapd.conf" listen="127.0.0.1:{port}" prefork=1
}}
EVENTS {{
}}
"""


SASL = "/usr/lib/x86_64-linux-gnu/sasl2"


class PrivateCyrus:
    """Use as a context manager. Users must be named; their password is ``secret``."""

    def __init__(self, users: list[str], *, munge8bit: bool = True, internal_names: bool = False) -> None:
        self.users = users
        self.root = Path(tempfile.mkdtemp(prefix="cyrus-"))
        self.port = free_port()
        self._munge = munge8bit
        self._internal = internal_names
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        programs, environment = parts.cyrus_root(), self._environment()
        bins = programs / "usr/lib/cyrus/bin"
        values = {
            "root": self.root, "bin": bins, "port": self.port, "munge": "yes" if self._munge else "no",
            "unix": "no" if self._internal else "yes", "alt": "no" if self._internal else "yes",
        }  # fmt: skip
        for name in ("conf", "spool"):
            (self.root / name).mkdir()
        (self.root / "imapd.conf").write_text(_IMAPD.format(**values))
        (self.root / "cyrus.conf").write_text(_CYRUS.format(**values))
        for user in (*self.users, "cyrus"):
            self._let_in(user)
        subprocess.run(["chown", "-R", "mail:mail", self.root], check=True)
        with (self.root / "out").open("wb") as said:
            self._process = subprocess.Popen(
                [bins / "master", "-C", self.root / "imapd.conf", "-M", self.root / "cyrus.conf", "-D",
                 "-p", self.root / "master.pid"],
                env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        self._wait()
        self._make_mailboxes(self.users)
        return self

    def add(self, user: str) -> None:
        """One more user, while it runs."""
        self._let_in(user)
        self._make_mailboxes([user])

    def _environment(self) -> dict[str, str]:
        """Mechanisms and libraries are those that came with it, and what the system has besides."""
        programs = parts.cyrus_root()
        return {
            **os.environ, "CYRUS_USER": "mail", "CYRUS_GROUP": "mail",
            "SASL_PATH": f"{programs}{SASL}:{SASL}",
            "LD_LIBRARY_PATH": f"{programs}/usr/lib/x86_64-linux-gnu:{programs}/lib/x86_64-linux-gnu:{programs}/usr/lib/cyrus",
        }  # fmt: skip

    def _let_in(self, user: str) -> None:
        subprocess.run(
            [parts.cyrus_root() / "usr/sbin/saslpasswd2", "-p", "-c", "-f", self.root / "sasldb2", user],
            input=b"secret\n", check=True, env=self._environment(),
        )  # fmt: skip

    def _make_mailboxes(self, users: list[str]) -> None:
        with imaplib.IMAP4("127.0.0.1", self.port) as client:
            client.login("cyrus", "secret")
            separator = "." if self._internal else "/"
            for user in users:
                status, data = client.create(f"user{separator}{user}")
                assert status == "OK", data

    def _wait(self) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    probe.settimeout(5)
                    if probe.recv(10).startswith(b"* OK"):
                        return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"Cyrus does not start; see {self.root}")

    def url(self, user: str) -> str:
        return f"imap://{user}@127.0.0.1:{self.port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(20)
        shutil.rmtree(self.root, ignore_errors=True)
