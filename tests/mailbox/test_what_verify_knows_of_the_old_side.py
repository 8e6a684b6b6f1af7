"""What `verify` expects of a message that no run has seen is what the next run writes down of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.capture.folders import record_folders, record_sightings
from bascule.deliver.comparison.old_side import read_old_side
from bascule.mailbox import FolderRow, Mailbox, NewMessage
from bascule.mailbox.deltas import Deltas
from bascule.sources import SourceFolder, SourceState
from bascule.terms.body import body_of
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate

Listed = dict[str, tuple[int, int]]
"""Name of a folder → UIDVALIDITY, UIDNEXT."""


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox.open_or_create(tmp_path / "m", keeps_bodies=False) as opened:
        yield opened


def run(mailbox: Mailbox, listed: Listed, *, opens: str = "AB", is_cut: bool = False) -> dict[str, FolderRow]:
    """A run that surveys the folders that it can open, and deals with all that is in them, or is cut before that."""
    taken = record_folders(mailbox, [SourceFolder(FolderPath((n,)), n.encode()) for n in listed])
    states = {name.encode(): SourceState(validity, uidnext, 0, 0) for name, (validity, uidnext) in listed.items()}
    record_sightings(mailbox, taken, states)
    rows = {folder.name.decode(): row for folder, row in taken}
    for name, row in rows.items():
        if name not in opens:
            mailbox.folders.failed(row.id, "it is closed")
        else:
            with mailbox.transaction():
                if row.uidvalidity != listed[name][0]:
                    mailbox.folders.set_uidvalidity(row.id, listed[name][0])
                mailbox.folders.surveyed(row.id, states[name.encode()].to_json())
                if not is_cut:
                    mailbox.folders.completed(row.id)
    return rows


LATER = {"A": (1, 9), "B": (1, 9)}
RUNS: dict[str, tuple[list[Listed], str, Listed, int]] = {
    "behind the last run": ([LATER, LATER], "AB", LATER, 9),
    "missed by the last run": ([LATER, LATER], "A", LATER, 5),
    "in a folder that was not opened": ([{"A": (1, 9), "B": (1, 4)}, LATER], "A", LATER, 5),
    "in a folder that was made since": ([{"A": (1, 9)}, {"A": (1, 9)}], "A", LATER, 5),
    "in a folder that has its name back": ([LATER, {"A": (1, 9)}], "AB", LATER, 5),
    "under another UIDVALIDITY": ([LATER, LATER], "AB", {"A": (1, 9), "B": (2, 9)}, 5),
    "under another UIDVALIDITY, not complete": ([LATER, LATER], "A", {"A": (1, 9), "B": (2, 9)}, 5),
}


@pytest.mark.parametrize("case", RUNS)
def test_when_it_was_not_there_yet(case: str, mailbox: Mailbox) -> None:
    before, opens, after, uid = RUNS[case]
    for listed in before:
        run(mailbox, listed, opens=opens)
    validity = after["B"][0]
    expected = read_old_side(mailbox.database).absent_in(FolderPath(("B",)), validity, uid)
    assert expected == (0 if "missed" in case else 1 if "not opened" in case else 2)
    row = run(mailbox, {**after, "B": (validity, uid + 1)}, is_cut=True)["B"]
    new = NewMessage(uid, frozenset(), InternalDate(0, 0), body_of(iter([b"x"])), None, "")
    [message] = mailbox.messages.store(row.id, validity, [new])
    assert mailbox.messages.after_delta(message) == expected


@pytest.mark.parametrize("opens", ["AB", "A"])
def test_whether_the_last_run_read_all(opens: str, mailbox: Mailbox) -> None:
    run(mailbox, LATER)
    run(mailbox, LATER, opens="")
    run(mailbox, LATER, opens=opens)
    known = read_old_side(mailbox.database).deltas(mailbox.database)
    run(mailbox, LATER)
    assert known.whole == Deltas.read(mailbox.database).whole
