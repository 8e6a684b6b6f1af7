"""The errors that a person may see, each with the exit status that it becomes."""

import errno
from enum import IntEnum


class ExitStatus(IntEnum):
    """What every command returns to the shell (DESIGN, command surface)."""

    ACCOUNTED = 0
    """Everything that was found is accounted for."""
    MISSING = 1
    """Something is missing, refused or altered, and the report names it; or the run stopped because a file can't be written."""
    USAGE = 2
    """The command line or a file named on it is wrong."""
    CONNECT = 3
    """A server could not be reached, or did not let us in."""
    INTERRUPTED = 130
    """Interrupted by the user; the same command goes on where it stopped."""


class BasculeError(Exception):
    """A failure told to a person: ``message`` says what happened, ``advice`` what to do about it.

    ``status`` is the exit status of the command that meets it.
    """

    def __init__(self, message: str, advice: str = "", status: ExitStatus = ExitStatus.MISSING) -> None:
        super().__init__(f"{message} {advice}".strip())
        self.message = message
        self.advice = advice
        self.status = status


def advice_for(error: OSError, otherwise: str) -> str:
    """What to do about an error of this machine's. ``otherwise``: where it is not that this process may open no more files, or sockets."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "Let the program open more files (ulimit -n), or name fewer connections, and run the same command again."
    return otherwise


def without_advice(error: BaseException) -> str:
    """What happened, for a server's log: the advice is for whoever typed a command."""
    return error.message if isinstance(error, BasculeError) else str(error) or repr(error)
