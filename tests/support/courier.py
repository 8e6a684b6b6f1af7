"""A Courier-IMAP of our own on loopback, from Debian's packages unpacked in the cache folder. Any user may sign in with the password ``secret``.

All of its state is in one folder. It is Courier's own chain, couriertcpd → imaplogin → imapd; only the question who somebody is, which
imaplogin puts to authdaemond over a socket, is answered here: that program reads fixed paths below /etc. As root its users are ``mail``.
"""

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from support import parts
from support.dovecot import PASSWORD, free_port

_SOCKET = "./auth"
_ENVIRONMENT = {
    "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE",
    "IMAP_KEYWORDS": "1",
    "IMAP_ACL": "1",
    "IMAP_IDLE_TIMEOUT": "60",
    "IMAP_USELOCKS": "0",
    "IMAP_TRASHFOLDERNAME": "Trash",
    "IMAP_EMPTYTRASH": "",  # Debian's ``Trash:7`` throws away what the tests date years back
    "IMAPDEBUGFILE": "",
}
"""As Debian's /etc/courier/imapd has it, but for one."""


class PrivateCourier:
    """Use as a context manager. ``connections``: how many at a time from one address."""

    def __init__(self, *, connections: int = 40) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="courier-"))
        self.port = free_port()
        self._connections = connections
        self._process: subprocess.Popen[bytes] | None = None
        self._authority = socket.socket(socket.AF_UNIX)
        account = pwd.getpwnam("mail" if os.geteuid() == 0 else getpass.getuser())
        self._uid, self._gid = account.pw_uid, account.pw_gid

    def __enter__(self) -> Self:
        programs = parts.courier_root() / "usr"
        self.root.chmod(0o755)
        (self.root / "lib").mkdir()
        self._place_library()
        self._authority.bind(str(self.root / _SOCKET))
        self._authority.listen(64)
        threading.Thread(target=self._say_who, daemon=True).start()
        libraries = (
            self.root / "lib",
            programs / "lib",
            programs / "lib/x86_64-linux-gnu",
            programs.parent / "lib/x86_64-linux-gnu",
        )
        with (self.root / "out").open("wb") as said:
            self._process = subprocess.Popen(
                [programs / "sbin/couriertcpd", "-address=127.0.0.1", "-maxprocs=40", f"-maxperip={self._connections}",
                 "-nodnslookup", "-noidentlookup", str(self.port),
                 programs / "lib/courier/courier/imaplogin", programs / "bin/imapd", "Maildir"],
                env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": ":".join(map(str, libraries)), **_ENVIRONMENT},
                cwd=self.root, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        self._wait()
        return self

    def _place_library(self) -> None:
        """A copy of Courier's library that looks for its socket in the folder where the server was started."""
        path = _SOCKET.encode().ljust(31, b"\0")
        octets = parts.courier_library().read_bytes().replace(parts.COURIER_SOCKET, path[:16] + path[15:])
        (self.root / "lib/libcourierauth.so.0").write_bytes(octets)

    def _say_who(self) -> None:
        """authdaemond's side: what is known of the connection, ``AUTH octets``, then service, kind, user and password, a line each."""
        while True:
            try:
                asking, _ = self._authority.accept()
            except OSError:
                return
            with asking, asking.makefile("rwb") as lines:
                words = next((line.split() for line in lines if b"=" not in line), [])
                told = lines.read(int(words[1])).decode().split("\n") if words[:1] == [b"AUTH"] else []
                known = told[1:2] == ["login"] and told[3] == PASSWORD
                lines.write(self._account(told[2]).encode() if known else b"FAIL\n")

    def _account(self, user: str) -> str:
        home = self.root / "mail" / user
        if not home.exists():
            for name in ("cur", "new", "tmp"):
                (home / "Maildir" / name).mkdir(parents=True)
            home.parent.chmod(0o755)  # whatever the umask of those who test is
            if os.geteuid() == 0:
                for place in (home, *home.rglob("*")):
                    os.chown(place, self._uid, self._gid)
        facts = {"UID": self._uid, "GID": self._gid, "HOME": home, "ADDRESS": user, "NAME": user, "MAILDIR": "Maildir"}
        return "".join(f"{name}={value}\n" for name, value in facts.items()) + ".\n"

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
        raise AssertionError(f"Courier does not start: {(self.root / 'out').read_text(errors='replace')}")

    def url(self, user: str) -> str:
        return f"imap://{user}@127.0.0.1:{self.port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(20)
        self._authority.shutdown(socket.SHUT_RDWR)
        self._authority.close()
        shutil.rmtree(self.root, ignore_errors=True)
