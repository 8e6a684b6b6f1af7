"""Passwords from files: the first line is the password."""

import shlex
import stat
from pathlib import Path

from bascule.commands.terminal import say
from bascule.terms.errors import BasculeError, ExitStatus


def password_in(file: str | Path) -> str:
    """Octets that are not UTF-8 are kept as surrogates. Raises BasculeError (usage) where there is none, or it can't be read."""
    try:
        text = Path(file).read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise BasculeError(f"{file} can't be read: {error.strerror}.", "", ExitStatus.USAGE) from error
    return password_of(text, str(file))


def password_of(text: str, name: str) -> str:
    """``name``: where it came from. Raises BasculeError (usage) where it is empty."""
    password = text.split("\n", 1)[0].rstrip("\r")
    if not password:
        what = f"The first line of {name}" if text.strip() else name
        raise BasculeError(f"{what} is empty.", "Its first line is the password.", ExitStatus.USAGE)
    return password


def warn_of_readers(file: Path) -> None:
    """A line on standard error where everybody on this machine can read it; the group is its owner's business."""
    from bascule.platform.permissions import is_reached

    if file.is_file() and is_reached(file, stat.S_IROTH):
        say(
            f"bascule: everybody on this machine can read the password in {file}: {shlex.join(['chmod', '600', str(file)])}",
            err=True,
        )
