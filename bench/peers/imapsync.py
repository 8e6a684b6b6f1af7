"""imapsync, a Perl script in no distribution: ``IMAPSYNC`` names it; its Perl modules are Debian packages."""

import os
import shutil
from functools import cache
from pathlib import Path

from peers.limits import ANSWER_SECONDS
from peers.peer import PASSWORD, Call, End, lines


class Imapsync:
    name = "imapsync"
    opens_target = False
    how = "`imapsync --host1 … --user1 … --host2 … --user2 …`"

    def missing(self) -> str:
        if not self._script():
            return "imapsync is not there: IMAPSYNC names no script, and no distribution has it"
        return "" if "2." in self.version() else "imapsync's Perl modules are not installed"

    def _script(self) -> str:
        return os.environ.get("IMAPSYNC") or shutil.which("imapsync") or ""

    @cache  # noqa: B019 - the roster lives as long as the program
    def version(self) -> str:
        return "imapsync " + lines(["perl", self._script(), "--version"], lambda said: said[-1] if said else "")

    def call(self, state: Path, source: End, target: End, words: tuple[str, ...] = ()) -> Call:
        command = [
            "perl",
            self._script(),
            "--noreleasecheck",
            "--nolog",
            "--tmpdir",
            str(state),
            "--pidfile",
            f"{state}/pid",
        ]
        for number, end in (("1", source), ("2", target)):
            command += [f"--host{number}", "127.0.0.1", f"--port{number}", str(end.port), f"--user{number}", end.user]
            command += [f"--nossl{number}", f"--notls{number}", f"--timeout{number}", str(ANSWER_SECONDS)]
        return Call((*command, *words), {"IMAPSYNC_PASSWORD1": PASSWORD, "IMAPSYNC_PASSWORD2": PASSWORD})

    def told(self, said: str) -> str:
        return said
