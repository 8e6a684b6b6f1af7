"""A mailbox on disk that somebody else made: where a number belongs its catalogue may say anything, and nothing of that is taken at its word."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bascule.commands.report_folder import ReportFolder
from bascule.commands.saving import RefusedKeeper
from bascule.deliver import Parcel
from bascule.deliver.proof.languages import words_of
from bascule.deliver.proof.manifest import write_manifest
from bascule.deliver.proof.page import as_page
from bascule.deliver.proof.report import Report, ReportedException
from bascule.mailbox import Mailbox, check
from bascule.mailbox.format import CATALOGUE
from bascule.terms.body import HeldBody
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import Outcome, OutcomeCode
from support import messages, store
from support.command import bascule
from support.quirks import QuirkServer

PATH = "../../../../pwned"
COMMAND = "1\r\nz1 DELETE Precious"
MARKUP = "<img src=x onerror=alert(1)>\x1b]0;x\x07\nFORGED"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Delivered to one target already."""
    place = tmp_path / "x.mailbox"
    store.fill(place, {"INBOX": messages.many(2)})
    with QuirkServer() as target:
        bascule(tmp_path, "deliver", place, target.url, "--quiet")
    return place


def write(root: Path, query: str, value: str) -> None:
    with closing(sqlite3.connect(root / CATALOGUE)) as database, database:
        database.execute(query, (value,))


@pytest.mark.parametrize("value", [PATH, COMMAND, MARKUP, "1.5"])
def test_a_uid_that_is_no_number_is_refused_by_every_command(tmp_path: Path, root: Path, value: str) -> None:
    write(root, "UPDATE messages SET uid = ? WHERE id = 1", value)
    with QuirkServer() as target:
        for words in (
            ["deliver", root, target.url, "--quiet"],
            ["report", root],
            ["export", root, tmp_path / "out", "--format", "eml", "--quiet"],
            ["verify", root, target.url, "--quiet"],
            ["search", root, "number"],
        ):
            told = bascule(tmp_path, *words, status=2).stderr
            assert "is damaged: in its table “messages”" in told
            assert "bascule check" in told
    assert not [command for command in target.commands if command.verb != "LOGOUT"]
    assert [finding.number for finding in check(root)] == [1]


@pytest.mark.parametrize(
    ("table", "column"),
    [("outcomes", "target_uid"), ("outcomes", "verified"), ("target_folders", "uidvalidity"), ("folders", "uidnext")],
)
def test_so_is_any_other_number_that_is_none(tmp_path: Path, root: Path, table: str, column: str) -> None:
    write(root, f"UPDATE {table} SET {column} = ?", COMMAND)
    assert f"in its table “{table}”" in bascule(tmp_path, "report", root, status=2).stderr


def test_so_is_a_whole_number_that_is_stored_as_a_fraction(tmp_path: Path, root: Path) -> None:
    with closing(sqlite3.connect(root / CATALOGUE)) as database, database:
        database.execute("PRAGMA writable_schema = 1")
        database.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'uid INTEGER', 'uid BLOB') WHERE name = 'messages'"
        )
    with closing(sqlite3.connect(root / CATALOGUE)) as database, database:
        database.execute("UPDATE messages SET uid = 3.0 WHERE id = 1")
    told = bascule(tmp_path, "report", root, status=2).stderr
    assert "in its table “messages”" in told


def test_a_mailbox_of_ours_is_opened(root: Path) -> None:
    with Mailbox.open(root, made_elsewhere=True):
        pass


def test_a_refused_message_is_saved_beside_its_report_whatever_its_uid(tmp_path: Path, root: Path) -> None:
    """Where nobody looked first."""
    uid: int = PATH  # type: ignore[assignment]
    with Mailbox.open(root) as mailbox:
        keeper = RefusedKeeper(mailbox, ReportFolder(mailbox, tmp_path / "report"))
        body = HeldBody(messages.plain(1))
        keeper(
            mailbox.folders.all()[0], Parcel(uid, frozenset(), InternalDate(0), body), Outcome(OutcomeCode.REFUSED_SIZE)
        )
    assert [path.parent for path in tmp_path.rglob("*.eml")] == [tmp_path / "report" / "refused" / "INBOX"]


def test_a_page_shows_it_and_a_manifest_has_a_line_for_each_message(tmp_path: Path, root: Path) -> None:
    """Where nobody looked first."""
    uid: int = MARKUP  # type: ignore[assignment]
    report = Report("copy", "a", "b", "1", "2026-11-28T09:00:00+00:00", "2026-11-28T09:00:00+00:00", "none")
    report.exceptions.append(ReportedException("INBOX", uid, "altered", "", 1, ""))
    page = as_page(report, words_of("en"))
    assert "<img" not in page
    assert "\x1b" not in page
    write(root, "UPDATE messages SET uid = ? WHERE id = 1", MARKUP)
    write(root, "UPDATE outcomes SET code = ?", "delivered\nFORGED")
    with Mailbox.open(root) as mailbox:
        target = mailbox.database.execute("SELECT location FROM targets").fetchone()[0]
        write_manifest(tmp_path / "manifest", mailbox, mailbox.ledger(target))
    lines = (tmp_path / "manifest").read_text().splitlines()
    assert len(lines) == 2
    assert not [line for line in lines if line.startswith("FORGED")]
