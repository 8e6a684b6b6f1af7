"""OfflineIMAP: a Debian package (offlineimap3)."""

import shutil
from pathlib import Path

from peers.limits import ANSWER_SECONDS
from peers.peer import PASSWORD, Call, End, lines

_CONFIGURATION = """
[general]
accounts = move
metadata = {state}/meta
ui = basic
socktimeout = {seconds}

[Account move]
localrepository = new
remoterepository = old
{repositories}
"""
_REPOSITORY = """
[Repository {name}]
type = IMAP
remotehost = 127.0.0.1
remoteport = {end.port}
remoteuser = {end.user}
remotepass = {password}
ssl = no
starttls = no
sync_deletes = no
{more}
"""


class Offlineimap:
    name = "offlineimap"
    opens_target = False
    how = "`offlineimap -o -1` with `readonly = True` on the old side, `sync_deletes = no` on both"

    def missing(self) -> str:
        return "" if shutil.which("offlineimap") else "offlineimap is not installed (Debian: offlineimap3)"

    def version(self) -> str:
        return "OfflineIMAP " + lines(["offlineimap", "--version"], lambda said: said[-1])

    def call(self, state: Path, source: End, target: End, words: tuple[str, ...] = ()) -> Call:
        repositories = "".join(
            _REPOSITORY.format(name=name, end=end, password=PASSWORD, more=more)
            for name, end, more in (("new", target, ""), ("old", source, "readonly = True"))
        )
        file = state / "offlineimaprc"
        file.write_text(_CONFIGURATION.format(state=state, seconds=ANSWER_SECONDS, repositories=repositories))
        return Call(("offlineimap", "-o", "-1", "-c", str(file), *words), {})

    def told(self, said: str) -> str:
        return said
