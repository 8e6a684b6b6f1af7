"""Whose an installation's files are. All of them belong to the user that runs it: what another one has made there (root, most often, by a command without
``runuser``) the servers can't write, or not even read.
"""

import os
import pwd
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bascule.platform import limits
from bascule.terms.errors import BasculeError, ExitStatus

ROOT = 0
NAMED = 5
"""Files that are named; there may be a million."""
_FOLDERS = ("run", "queue", "mailboxes", "keys")
_DATABASES = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".sqlite-journal")
_KEPT_AS_THEY_ARE = "bodies-"
"""Files of a mailbox that are full are made read-only (`bascule.mailbox.bodies`)."""


def user_name(user: int) -> str:
    """As commands take it; the number where the machine has no name for it."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def owner_of(path: Path) -> tuple[Path, int]:
    """The path itself, or the nearest folder above it that can be looked at, and the user that it belongs to."""
    for each in (path.absolute(), *path.absolute().parents):
        try:
            return each, each.stat().st_uid
        except OSError:
            continue
    return Path("/"), ROOT


def advice_for_one_kept_out(path: Path) -> str:
    """For somebody who has no right to ``path``: whose it is, and what to do."""
    place, owner = owner_of(path)
    us = user_name(os.geteuid())
    if owner == os.geteuid():
        return f"It is yours: {shlex.join(['chmod', 'u+rwX', str(place)])}"
    if owner == ROOT:
        return (
            f"{place} belongs to root. If {us} is the user that runs Bascule, a command was run as root: give it back, as root, with"
            f" {shlex.join(['chown', '-R', f'{us}:', str(place)])}"
        )
    name = user_name(owner)
    return f"{place} belongs to {name}: run the command as that user (as root: runuser -u {name} -- bascule …)."


def refuse_root(data: Path, words: list[str]) -> None:
    """Nothing is done as root in a data folder of somebody else's, nor is one made in a folder of theirs. ``words``: the command, to be shown as that user's.

    It is refused rather than done in that user's name: what else the command line names (a password file, the folder of a backup or of a report) was meant
    for root, and would be refused half-way, or made as another's; and root's environment (HOME, the signing key there) would stay. Raises BasculeError.
    """
    place, owner = owner_of(data)
    if os.geteuid() != ROOT or owner == ROOT:
        return
    name = user_name(owner)
    raise BasculeError(
        f"{place} belongs to {name}, and you are root: what root makes there {name} could not use. Nothing was done.",
        f"Run it as that user: {shlex.join(['runuser', '-u', name, '--', *words])}",
        ExitStatus.USAGE,
    )


def require_access(data: Path) -> None:
    """This process can read and write what the servers must. Looks at `limits.LOOKED_AT_AT_THE_START` files at most. Raises BasculeError that names some
    that it can't, and whose they are."""
    found = list(islice(_out_of_reach(data), NAMED + 1))
    if not found:
        return
    us, owners = user_name(os.geteuid()), sorted({owner_of(path)[1] for path in found})
    named = ", ".join(str(path.relative_to(data)) if path != data and path.is_relative_to(data) else str(path) for path in found[:NAMED])  # fmt: skip
    whose = f"They belong to {', '.join(map(user_name, owners))}." if len(found) > 1 else f"It belongs to {user_name(owners[0])}."  # fmt: skip
    raise BasculeError(
        f"{us}, who runs this, can't read and write all of {data}: {named}{' …' if len(found) > NAMED else ''}. {whose}",
        _remedy(data, owners),
        ExitStatus.USAGE,
    )


def _remedy(data: Path, owners: list[int]) -> str:
    place, _ = owner_of(data)
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return f"{place} is on a file system that is read-only here: in a systemd unit, ReadWritePaths names what may be written."  # fmt: skip
    us = os.geteuid()
    if owners == [us]:
        return f"Give yourself the right: {shlex.join(['chmod', '-R', 'u+rwX', str(place)])}"
    give = f"give them to {user_name(us)}, as root: {shlex.join(['chown', '-R', f'{user_name(us)}:', str(place)])}"
    others = [user_name(each) for each in owners if each not in (us, ROOT)]
    if others:
        return f"Run it as {others[0]} (as root: runuser -u {others[0]} -- bascule …); or, if the installation is to be {user_name(us)}'s, {give}"  # fmt: skip
    return f"Most often a command was run as root; {give}"


def _out_of_reach(data: Path) -> Iterator[Path]:
    if not data.exists():
        place, _ = owner_of(data)
        if not _may(place, os.W_OK | os.X_OK):
            yield place
        return
    if not _may(data, os.R_OK | os.W_OK | os.X_OK):
        yield data
        return
    tops = [path for path in sorted(data.iterdir()) if path.name in ("node", "dkim.pem") or path.name.endswith(_DATABASES)]  # fmt: skip
    yield from (path for path in tops if not _may(path, _needed(path)))
    yield from islice(_out_of_reach_in([data / name for name in _FOLDERS]), NAMED + 1)


def _out_of_reach_in(folders: list[Path]) -> Iterator[Path]:
    """Folders, and what lies in those that can be looked into."""
    count, waiting = 0, [folder for folder in reversed(folders) if os.path.lexists(folder)]
    while waiting and count <= limits.LOOKED_AT_AT_THE_START:
        folder = waiting.pop()
        if not _may(folder, os.R_OK | os.W_OK | os.X_OK):
            yield folder
            continue
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue  # it went away this very moment
        count += len(entries)
        waiting += [Path(entry) for entry in reversed(entries) if entry.is_dir()]
        files = [Path(entry) for entry in entries if not entry.is_dir()]
        yield from (path for path in files if not _may(path, _needed(path)))


def _needed(path: Path) -> int:
    if path.name.endswith(_DATABASES) and not path.name.startswith(_KEPT_AS_THEY_ARE):
        return os.R_OK | os.W_OK
    return os.R_OK


def _may(path: Path, rights: int) -> bool:
    """Also true of what is not there any more."""
    return os.access(path, rights, effective_ids=True) or not os.path.lexists(path)
