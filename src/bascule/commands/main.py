"""``bascule``: finds the command, and turns errors into sentences and exit statuses."""

import gc
import importlib
import os
import sqlite3
import sys

import click

from bascule import __version__
from bascule.commands.terminal import prepare_streams, say
from bascule.terms.errors import BasculeError, ExitStatus

COMMANDS = {
    "copy": "Copy one mailbox to another, and verify it.",
    "capture": "Bring a mailbox on disk up to date with an old server.",
    "deliver": "Deliver a mailbox on disk to a server.",
    "verify": "Read both sides in full, and compare.",
    "import": "Bring files (Maildir, mbox, EML, zip, PST) into a mailbox on disk.",
    "export": "Write a mailbox on disk as mbox, Maildir, EML or zip.",
    "search": "Look for messages in a mailbox on disk.",
    "check": "Verify that a mailbox on disk is sound.",
    "report": "Show what became of each message; check a certificate.",
    "campaign": "Plan the move of an institution: calendar, members, new mailboxes.",
    "clock": "Move the time of a rehearsal or a demo.",
    "serve": "Run the portal and the built-in platform.",
    "worker": "Do more of the portal's long work, on this machine or another.",
    "account": "Add accounts to the built-in platform; list, lock, change them.",
    "programs": "Print DNS records, autoconfig and Apple profiles for people's mail programs.",
    "queue": "Look after what waits to be sent.",
    "trace": "Tell what happened to a message.",
    "backup": "Bring the installation's backup up to date.",
    "restore": "Bring back a message, a folder, a mailbox, or everything.",
    "doctor": "Tell what is installed, and what is missing.",
    "demo": "See it work on sample mail.",
}


def _load(name: str) -> click.Command:
    """Of what is made while modules are loaded nothing is given back: `gc` would look through it for that again and again, for a sixth of the
    processor time that a command takes to start."""
    gc.disable()
    try:
        command: click.Command = importlib.import_module(f"bascule.commands.{name}_command").command
    finally:
        gc.freeze()
        gc.enable()
    return command


class _Commands(click.Group):
    """A command's file is read only when it is used: `bascule --help` takes a tenth of a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return _load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bascule")
def cli() -> None:
    """Move mail to a new platform, and prove that nothing was lost."""


def _require_utf8(words: list[str]) -> None:
    """What is typed comes to stand in reports, in a mailbox and on the wire, all of which are UTF-8. Raises BasculeError (usage), which does not
    show the word: a URL may hold a password."""
    for number, word in enumerate(words, 1):
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise BasculeError(
                f"Word {number} behind “bascule” is not UTF-8.",
                "Write it in UTF-8; where it names a file or a folder, rename that, or make a link to it.",
                ExitStatus.USAGE,
            ) from error


_FILES = {
    sqlite3.SQLITE_FULL: "Free some space on the disk of the data folder, then run the same command again.",
    sqlite3.SQLITE_IOERR: "Look whether the disk of the data folder is full, or damaged; then run the same command again.",
    sqlite3.SQLITE_CANTOPEN: "Look at the data folder, whose it is, and whether its disk is full; then run the same command again.",
    sqlite3.SQLITE_READONLY: "Run the command as the user that the data folder belongs to.",
    sqlite3.SQLITE_PERM: "Run the command as the user that the data folder belongs to.",
    sqlite3.SQLITE_BUSY: "Another program has kept it for too long: run the same command again.",
    sqlite3.SQLITE_CORRUPT: "A file of the data folder is damaged: bring it back from a backup (docs/runbooks/backup-and-restore.md).",
    sqlite3.SQLITE_NOTADB: "A file of the data folder is damaged: bring it back from a backup (docs/runbooks/backup-and-restore.md).",
}
"""What SQLite says of a file and its disk, and what to do about it. Whatever else it says is a mistake of ours, and keeps its traceback."""


def _of_a_file(error: BaseException) -> tuple[str, str] | None:
    """What ``error``, or what it came of (Django wraps SQLite's), says of a file's disk, and what to do; None: it is about something else."""
    found: BaseException | None = error
    while found is not None:
        code = getattr(found, "sqlite_errorcode", None)
        if isinstance(found, sqlite3.Error) and code is not None and code & 0xFF in _FILES:
            return str(found), _FILES[code & 0xFF]
        found = found.__cause__
    return None


OTHERS = 0o077
"""The rights of the group and of everybody else, as `umask` takes them away."""


def main() -> None:
    """Entry point: runs a command and exits with its status. Every file and folder that it makes, and that SQLite makes beside its own, is its
    owner's alone (0600, 0700): they hold people's mail, or whom it is from. What is there already keeps the mode that it has."""
    try:
        os.umask(os.umask(OTHERS) | OTHERS)
        prepare_streams()
        _require_utf8(sys.argv[1:])
        status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        status = ExitStatus.INTERRUPTED
    except click.ClickException as error:
        error.show()
        status = ExitStatus.USAGE
    except BasculeError as error:
        say(f"bascule: {error.message}", err=True)
        if error.advice:
            say(f"         {error.advice}", err=True)
        status = error.status
    except OSError as error:
        say(f"bascule: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.", err=True)
        say("         What is done is kept: run the same command again when this is mended.", err=True)
        status = ExitStatus.MISSING
    except KeyboardInterrupt:
        say("bascule: interrupted. What is done is kept: run the same command again to go on.", err=True)
        status = ExitStatus.INTERRUPTED
    except Exception as error:
        if (told := _of_a_file(error)) is None:
            raise
        say(f"bascule: a database of the installation can't be read or written: {told[0]}.", err=True)
        say(f"         {told[1]}", err=True)
        status = ExitStatus.MISSING
    sys.exit(int(status or 0))
