"""A Bascule server of our own on loopback, as a program, with all of its state in one folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bascule.platform.accounts import EmbeddedAccounts
from support.command import ENTRY, runner
from support.runner import Serving

PASSWORD = "secret"
ANNA = "anna@example.org"


def has_ended(process: int) -> bool:
    """Also where nobody has asked for its exit status yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


class PrivateBascule:
    """Use as a context manager. ``settings``: lines of bascule.toml by section. Accounts are those of ``accounts``, with `PASSWORD`. ``limits``: others than
    the program's, by module and name: what is to be seen when one is reached is seen sooner where it is lower."""

    def __init__(
        self,
        root: Path,
        *,
        accounts: tuple[str, ...] = (ANNA,),
        settings: dict[str, str] | None = None,
        tls: tuple[Path, Path] | None = None,
        processes: int = 1,
        limits: dict[str, float] | None = None,
    ) -> None:
        self.root = root
        self._limits = limits or {}
        self.ports: dict[str, int] = {}
        self.prefix: list[str] = []
        """What the server is started under (strace)."""
        self._process: Serving | subprocess.Popen[bytes] | None = None
        sections = {
            "server": f'data = "data"\nhostname = "mail.example.org"\nprocesses = {processes}',
            "imap": 'listen = ["127.0.0.1:0"]',
            "smtp": 'listen = ["127.0.0.1:0"]',
            "lmtp": 'listen = ["127.0.0.1:0"]',
            "submission": 'listen = ["127.0.0.1:0"]',
        }
        if tls:
            sections["tls"] = f'certificate = "{tls[0]}"\nkey = "{tls[1]}"'
            sections["imap"] += '\nlisten_tls = ["127.0.0.1:0"]'
            sections["submission"] += '\nlisten_tls = ["127.0.0.1:0"]'
        for section, lines in (settings or {}).items():
            sections[section] = f"{sections.get(section, '')}\n{lines}"
        root.mkdir(parents=True, exist_ok=True)
        self.config = root / "bascule.toml"
        self.config.write_text("".join(f"[{section}]\n{lines}\n" for section, lines in sections.items()))
        store = self.accounts()
        with contextlib.closing(store):
            for login in accounts:
                store.add(login, PASSWORD, generated=True)

    def accounts(self) -> EmbeddedAccounts:
        return EmbeddedAccounts(self.root / "data/accounts.sqlite")

    def mailbox(self, login: str = ANNA) -> Path:
        with contextlib.closing(self.accounts()) as store:
            account = store.find(login)
        assert account is not None
        return self.root / f"data/mailboxes/{account.id}.mailbox"

    @property
    def imap(self) -> int:
        return self.ports["imap"]

    def url(self, login: str = ANNA) -> str:
        return f"imap://{login}@127.0.0.1:{self.imap}"

    def log(self) -> str:
        return (self.root / "log").read_text()

    def start(self) -> None:
        with (self.root / "log").open("ab") as log:
            self._process = self._started(["serve", "--config", str(self.config)], log.fileno())
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line == b"ready\n":
                break
        else:
            raise AssertionError(f"the server did not start: {self.log()}")
        for each in json.loads((self.root / "data/run/endpoints.json").read_text()):
            self.ports[each["service"]] = each["port"]

    def _started(self, words: list[str], log: int) -> "Serving | subprocess.Popen[bytes]":
        variables = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
        if not self.prefix:
            return runner().serve(*words, variables=variables, log=log, limits=self._limits)
        assert not self._limits, "of one that the runner starts"
        return subprocess.Popen(
            [*self.prefix, *ENTRY, *words], stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, env=variables
        )

    @property
    def process(self) -> int:
        """Its process id: the parent of all that it starts."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """Process ids of the server processes."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    def kill(self) -> None:
        """As a power failure would: the parent first, then its children."""
        assert self._process is not None
        children = self.workers()
        self._process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._process.wait()
        self._process = None
        time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            if self.prefix:  # strace does not pass a signal on
                os.kill(self.workers()[0], signal.SIGTERM)
            else:
                self._process.terminate()
            self._process.wait(30)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
