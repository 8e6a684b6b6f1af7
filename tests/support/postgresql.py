"""A PostgreSQL of our own: a cluster in a folder, on a UNIX socket and a free port of loopback."""

import atexit
import itertools
import os
import pwd
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from support.parts import postgresql_programs
from support.portal_server import free_port


class PrivatePostgres:
    """Use as a context manager. It refuses root, so root runs it as Debian's own user, in a folder that that one can read."""

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="bascule-pg-", ignore_cleanup_errors=True)
        self.root = Path(self._place.name)
        self.port = free_port()
        programs = postgresql_programs()
        assert programs is not None
        self._programs = programs
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self.root, self._user.pw_uid, self._user.pw_gid)

    def url(self, name: str) -> str:
        return f"postgresql://bascule@127.0.0.1:{self.port}/{name}"

    def _run(self, *words: object) -> None:
        options = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}
        subprocess.run(
            [str(self._programs / str(words[0])), *map(str, words[1:])], check=True, capture_output=True, cwd=self.root, timeout=120, **options
        )  # fmt: skip

    def create(self, name: str) -> str:
        """A new database; its address."""
        self._run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "bascule", name)
        return self.url(name)

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.root} -c fsync=off"
        with (self.root / "log").open("ab"):
            pass
        if self._user is not None:
            os.chown(self.root / "log", self._user.pw_uid, self._user.pw_gid)
        self._run("pg_ctl", "-D", self.root / "data", "-o", options, "-l", self.root / "log", "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.root / "data", "-m", "immediate", "-w", "stop")

    def __enter__(self) -> Self:
        self._run("initdb", "-D", self.root / "data", "-U", "bascule", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._place.cleanup()


def database_for(kind: str) -> str | None:
    """The address of a new database; None for "sqlite", which needs none."""
    return None if kind == "sqlite" else _shared().create(f"portal{next(_NUMBER)}")


_NUMBER = itertools.count(1)


@cache
def _shared() -> PrivatePostgres:
    """One of this process, which ends with it: for whoever does not stop it."""
    started = PrivatePostgres().__enter__()
    atexit.register(started.__exit__, None, None, None)
    return started
