"""Who else on this machine can read an installation: nobody, if it was made by Bascule (`bascule.commands.main`); found, if somebody gave it away.

The group is the institution's business (a backup's user, a web server that reads the certificate's key): only what *everybody* can read is told.
"""

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command that reads a password's file needs no settings
    from bascule.platform.settings import Settings

NAMED = 5
"""Files of the data folder that are named; there may be a million."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``what``: what everybody on this machine can do; ``advice``: what to do, as a command where that is enough."""

    what: str
    advice: str


def findings(settings: "Settings", secrets: Iterable[Path | None] = ()) -> Iterator[Finding]:
    """``secrets``: files beside those that ``settings`` names. What can't be looked at is passed over: neither can it be read."""
    data = settings.data
    if is_reached(data, stat.S_IXOTH):
        readable = list(_readable_in(data))
        if readable:
            named = ", ".join(str(path.relative_to(data)) for path in readable[:NAMED])
            more = " …" if len(readable) > NAMED else ""
            yield Finding(f"Everybody on this machine can read files in {data}: {named}{more}.", shlex.join(["chmod", "-R", "o=", str(data)]))  # fmt: skip
    told = (settings.key, settings.dkim_key, settings.smarthost_password_file, *secrets)
    for path in dict.fromkeys(each for each in told if each is not None):
        if not path.is_relative_to(data) and is_reached(path, stat.S_IROTH):
            yield Finding(f"Everybody on this machine can read {path}.", shlex.join(["chmod", "o=", str(path)]))


def close_data(data: Path) -> bool:
    """Take from everybody else the way into the data folder, whatever lies in it; whether they had one. Raises OSError where it is somebody else's."""
    mode = stat.S_IMODE(data.stat().st_mode)
    if not mode & stat.S_IRWXO:
        return False
    data.chmod(mode & ~stat.S_IRWXO)
    return True


def is_reached(path: Path, right: int) -> bool:
    """Whether everybody has ``right`` on ``path``, and the way there."""
    path = path.absolute()
    return _has(path, right) and all(_has(folder, stat.S_IXOTH) for folder in path.parents)


def _has(path: Path, right: int) -> bool:
    try:
        return bool(path.stat().st_mode & right)
    except OSError:
        return False


def _readable_in(folder: Path) -> Iterator[Path]:
    """Files that everybody can read, on a way that everybody can go; one more than are named, at most."""
    count = 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _has(Path(place, name), stat.S_IXOTH)]
        for path in (Path(place, name) for name in sorted(files)):
            if _has(path, stat.S_IROTH):
                yield path
                count += 1
                if count > NAMED:
                    return
