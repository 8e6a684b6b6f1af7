"""The manifest of a run: a line for each message, with its SHA-256 and what became of it.

A mailbox is followed for weeks, and each night's certificate is kept. So a run's manifest in a series tells only what is other than in the
one before, which it names with its SHA-256::

    # since 20261127-030000/manifest.sha256 5b1c…
    -<a line of that one which holds no longer>
    +<a line which holds now>

The first of a series is whole; so is each that would be half as long as a whole one, or that would lie `SERIES` steps from a whole one.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from bascule.deliver.proof.placing import placed
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.printable import printable

MANIFEST = "manifest.sha256"
SERIES = 30
"""Steps to a whole manifest at most: a month of nights. Each is a file to read, and one that must not be lost."""
_ADVICE = "“bascule report” writes a whole one from what is remembered."
IS_A_NAME = re.compile(r"[\w.-]{1,100}")
"""What a file or a folder of a report is called. Whoever made a certificate chose the names in it: one with spaces, or of a page's length, would stand in
a sentence of ours as if it were more of it."""
_SINCE = re.compile(rf"# since ({IS_A_NAME.pattern})/manifest\.sha256 ([0-9a-f]{{64}})")
_MARK = "# since "
_SPACES = re.compile(r" {2,}|^ +| +$|(?<=/) +| +(?=/)")
_QUERY = """
SELECT m.sha256, m.folder, CAST(m.uid AS INTEGER), o.sent_sha256, coalesce(o.code, '-'), coalesce(o.verified, 0), o.verified_utc
FROM messages m LEFT JOIN outcomes o ON o.message = m.id AND o.target = ?
WHERE m.vanished_utc IS NULL ORDER BY m.folder, m.uid
"""
_HOW = ("-", "details", "octets")


@dataclass(frozen=True, slots=True)
class Manifest:
    """All lines that hold after a run, in no order. ``steps``: how many manifests lie between this one and a whole one."""

    lines: frozenset[str]
    steps: int


class GroundMissing(BasculeError):
    """A manifest that another builds on is not there. ``folder``: that of the report it belongs to."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"{file} is not there.", _ADVICE, ExitStatus.MISSING)
        self.folder = file.parent.name


def write_manifest(file: Path, mailbox: Mailbox, ledger: Ledger | None, since: Path | None = None) -> None:
    """``sha256  folder/uid  outcome  how and when it was read back`` (the folder as `name_of` has it) for each message of the default view; where other octets than the
    message's own were sent (CRLF for LF alone, a mended form), their SHA-256 is last.

    ``since``: the manifest of the run before, in a folder beside this one's. One that can't be read is not built upon. Raises OSError.
    """
    lines = _lines(mailbox, ledger)
    changed = _changes(lines, since) if since is not None else None
    with placed(file) as opened:
        opened.writelines(
            f"{line}\n".encode("utf-8", "surrogatepass") for line in (lines if changed is None else changed)
        )


def _lines(mailbox: Mailbox, ledger: Ledger | None) -> list[str]:
    names = {row.id: name_of(row.path) for row in mailbox.folders.all(gone=True)}
    told: dict[tuple[str, int, int | None], str] = {}  # a batch is read back in one second
    lines = []
    for digest, folder, uid, sent, *outcome in mailbox.database.execute(_QUERY, (ledger.target if ledger else 0,)):
        became = told.get(key := (*outcome,))
        if became is None:
            became = told[key] = _became(*key)
        sent_as = f"  sent-as {sent.hex()}" if sent is not None else ""
        lines.append(f"{digest.hex()}  {names[folder]}/{uid}  {became}{sent_as}")
    return lines


def _became(code: str, verified: int, at: int | None) -> str:
    """An outcome, and how and when it was read back."""
    told = f"{printable(code)}  {_HOW[verified]}"
    return f"{told} {InternalDate(at).to_iso()}" if verified and at else told


def name_of(path: FolderPath) -> str:
    """A folder's name as one field of a line, that no other folder's is written as: two spaces, which part fields, stand in none. ``\\x20`` is a
    space beside another or at an end, ``\\x2f`` a ``/`` within a name, ``\\\\`` a backslash, and what can't be seen is written as `printable` does.
    """
    parts = (part.replace("\\", "\\\\").replace("/", "\\x2f") for part in path.parts)
    return printable(_SPACES.sub(lambda found: "\\x20" * len(found[0]), "/".join(parts)))


def _changes(lines: list[str], since: Path) -> list[str] | None:
    """The lines of a manifest that builds on ``since``; None where a whole one is better."""
    if not IS_A_NAME.fullmatch(since.parent.name):
        return None
    try:
        before = read_manifest(since)
    except BasculeError:
        return None
    now = set(lines)
    if before.steps >= SERIES or len(now) != len(lines):
        return None
    gone, new = sorted(before.lines - now), [line for line in lines if line not in before.lines]
    if len(gone) + len(new) > len(lines) // 2:
        return None
    place = f"{since.parent.name}/{since.name}"
    return [f"{_MARK}{place} {_digest(since)}", *(f"-{line}" for line in gone), *(f"+{line}" for line in new)]


def read_manifest(file: Path) -> Manifest:
    """What holds by a manifest and those that it builds on. Raises GroundMissing where one of them is not there, BasculeError (missing) where it
    is not as it was."""
    chain: list[list[str]] = []
    at, digest = file, ""
    while len(chain) <= SERIES + 1:
        octets = _octets(at)
        if digest and hashlib.sha256(octets).hexdigest() != digest:
            raise _unsound(f"{at} was changed since a later one was built on it")
        try:
            lines = octets.decode("utf-8", "surrogatepass").split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise _unsound(f"{at} is no manifest") from error
        chain.append(lines)
        if not lines or not lines[0].startswith(_MARK):
            return _joined(chain)
        found = _SINCE.fullmatch(lines[0])
        if found is None or found[1] in (".", ".."):
            raise _unsound(f"{at} does not say on what it builds")
        at, digest = file.parent.parent / found[1] / MANIFEST, found[2]
    raise _unsound(f"{file} builds on more than {SERIES} others")


def _octets(file: Path) -> bytes:
    try:
        if not file.is_file():
            raise GroundMissing(file)
        return file.read_bytes()
    except OSError as error:
        raise _unsound(f"{file} can't be read: {error.strerror}") from error


def _unsound(what: str) -> BasculeError:
    return BasculeError(f"{what}.", _ADVICE, ExitStatus.MISSING)


def _joined(chain: list[list[str]]) -> Manifest:
    """From the whole one on to the last."""
    held = set(chain[-1])
    for lines in reversed(chain[:-1]):
        held.difference_update(line[1:] for line in lines if line.startswith("-"))
        held.update(line[1:] for line in lines if line.startswith("+"))
    return Manifest(frozenset(held), len(chain) - 1)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
