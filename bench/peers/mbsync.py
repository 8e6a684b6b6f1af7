"""isync's mbsync: a Debian package (isync)."""

import shutil
from pathlib import Path

from peers.limits import ANSWER_SECONDS
from peers.peer import PASSWORD, Call, End, lines

_STORE = """
IMAPAccount {name}
Host 127.0.0.1
Port {end.port}
User {end.user}
Pass {password}
SSLType None
AuthMechs PLAIN LOGIN
Timeout {seconds}

IMAPStore {name}
Account {name}
"""
_CHANNEL = """
Channel all
Far :old:
Near :new:
Patterns *
Create Near
Sync PullNew PullFlags
CopyArrivalDate yes
SyncState {state}/
"""


class Mbsync:
    name = "mbsync"
    opens_target = False
    how = "`mbsync -a` with `Sync PullNew PullFlags`, `Create Near`, `CopyArrivalDate yes`, `Patterns *`"

    def missing(self) -> str:
        return "" if shutil.which("mbsync") else "mbsync is not installed (Debian: isync)"

    def version(self) -> str:
        return lines(["mbsync", "--version"], lambda said: said[0])

    def call(self, state: Path, source: End, target: End, words: tuple[str, ...] = ()) -> Call:
        stores = [
            _STORE.format(name=name, end=end, password=PASSWORD, seconds=ANSWER_SECONDS)
            for name, end in (("old", source), ("new", target))
        ]
        (state / "kept").mkdir(exist_ok=True)
        file = state / "mbsyncrc"
        file.write_text("".join(stores) + _CHANNEL.format(state=state / "kept"))
        return Call(("mbsync", "-c", str(file), "-a", *words), {})

    def told(self, said: str) -> str:
        return said
