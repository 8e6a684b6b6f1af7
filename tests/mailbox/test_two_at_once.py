"""Two processes change the same messages at the same instant: each change finds what the other one left, and a message goes one way."""

import contextlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from bascule.mailbox import Mailbox, check
from bascule.mailbox.database import open_beside
from bascule.mailbox.format import TEXTS_TABLES
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.mailbox.live.purging import purge
from bascule.mailbox.live.undeleting import deleted, give_back
from bascule.mailbox.search import search, update_index
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.instant import InternalDate
from support import messages

NOW = 1_700_000_000
FLAGGED = frozenset({"\\Deleted"})


class Two:
    """One mailbox, opened by two, who have both read which rows it has."""

    def __init__(self, root: Path) -> None:
        self.one = LiveMailbox.create(root, NOW)
        self.other = LiveMailbox.open(root)
        self.inbox, self.trash, self.junk = (
            self.folder(self.one, path) for path in (INBOX, FolderPath(("Trash",)), FolderPath(("Junk",)))
        )
        mails = [Arriving(HeldBody(messages.plain(n)), FLAGGED, InternalDate(NOW)) for n in range(5)]
        self.one.messages.append(self.inbox, mails)
        self.rows = [row.id for row in self.one.reading.rows(self.inbox, 1, 9, limit=-1)]

    @staticmethod
    def folder(box: LiveMailbox, path: FolderPath) -> int:
        found = box.folders.find(path)
        assert found is not None
        return found.id

    def counts(self) -> tuple[int, int, int]:
        """What INBOX, Trash and Junk hold."""
        held = {folder.id: folder.messages for folder in self.other.folders.all()}
        return held[self.inbox], held[self.trash], held[self.junk]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path / "live.mailbox")
    yield made
    made.one.close()
    made.other.close()
    assert check(tmp_path / "live.mailbox") == []


def test_a_message_that_both_move_is_in_one_place(two: Two) -> None:
    first = two.one.messages.move(two.inbox, two.rows[:3], two.trash, NOW)
    second = two.other.messages.move(two.inbox, two.rows[1:], two.junk, NOW)
    assert two.counts() == (0, 3, 2)
    assert (first.rows, first.uids) == (tuple(two.rows[:3]), [1, 2, 3])
    assert (second.rows, second.uids) == (tuple(two.rows[3:]), [1, 2])


def test_where_all_were_moved_by_the_other_nothing_moves(two: Two) -> None:
    two.one.messages.move(two.inbox, two.rows, two.trash, NOW)
    assert two.other.messages.move(two.inbox, two.rows, two.junk, NOW).uids == []
    assert two.counts() == (0, 5, 0)


def test_what_one_expunged_the_other_does_not_move(two: Two) -> None:
    assert two.one.messages.expunge(two.inbox, two.rows[:2], NOW) == two.rows[:2]
    assert two.other.messages.move(two.inbox, two.rows, two.junk, NOW).rows == tuple(two.rows[2:])
    assert two.counts() == (0, 0, 3)


def test_what_one_moved_the_other_does_not_expunge(two: Two) -> None:
    two.one.messages.move(two.inbox, two.rows[:2], two.trash, NOW)
    assert two.other.messages.expunge(two.inbox, two.rows, NOW) == two.rows[2:]
    assert two.counts() == (0, 2, 0)


def test_what_one_takes_the_deleted_flag_from_the_other_does_not_expunge(two: Two) -> None:
    """EXPUNGE removes what has the flag (RFC 9051 §6.4.3): when it removes, not when it looked."""
    two.one.messages.set_flags(two.inbox, [2], lambda flags: flags - FLAGGED)
    gone = two.other.messages.expunge(two.inbox, two.rows, NOW, only_flagged=True)
    assert gone == [two.rows[0], *two.rows[2:]]
    assert two.counts() == (1, 0, 0)


def test_a_change_of_what_is_gone_changes_nothing(two: Two) -> None:
    two.one.messages.move(two.inbox, two.rows[:1], two.trash, NOW)
    before = two.other.folders.get(two.inbox)
    assert two.other.messages.set_flags(two.inbox, [1], lambda flags: frozenset()).changed == []
    assert two.other.messages.expunge(two.inbox, two.rows[:1], NOW) == []
    assert two.other.folders.get(two.inbox) == before


def test_a_copy_of_what_was_purged_meanwhile_has_no_uid(two: Two) -> None:
    two.one.messages.expunge(two.inbox, two.rows[:2], NOW)
    purge(two.one, NOW + 1)
    placed = two.other.messages.copy(two.rows[:3], two.trash)
    assert (placed.rows, placed.uids) == ((two.rows[2],), [1])
    assert two.counts() == (3, 1, 0)


def test_what_is_given_back_while_it_is_purged_is_counted_as_it_came(two: Two) -> None:
    two.one.messages.expunge(two.inbox, two.rows[:2], NOW)
    found = deleted(two.one, NOW)
    purge(two.other, NOW + 1)
    two.other.messages.expunge(two.inbox, two.rows[2:3], NOW)
    found += deleted(two.one, NOW)
    assert (len(found), give_back(two.one, found, NOW)) == (3, 1)
    assert two.counts() == (3, 0, 0)


def test_what_both_give_back_comes_back_once(two: Two) -> None:
    two.one.messages.expunge(two.inbox, two.rows[:2], NOW)
    found = deleted(two.one, NOW)
    assert (give_back(two.other, found, NOW), give_back(two.one, found, NOW)) == (2, 0)
    assert two.counts() == (5, 0, 0)


@pytest.mark.parametrize("attempt", range(3))
def test_several_that_make_the_index_at_once_make_it_once(two: Two, attempt: int) -> None:
    together = Barrier(4)

    def make_it() -> int:
        with LiveMailbox.open(two.one.root) as box:
            together.wait()
            return update_index(box.mailbox)

    with ThreadPoolExecutor(4) as threads:
        assert sum(each.result() for each in [threads.submit(make_it) for _ in range(4)]) == 5
    with contextlib.closing(sqlite3.connect(two.one.root / "search.sqlite")) as index:
        assert index.execute("SELECT count(*) FROM progress").fetchone() == (1,)
    assert len(search(two.one.mailbox, "number")) == 5


def test_a_mailbox_that_another_makes_between_the_look_and_the_making_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was “exists and is not a mailbox” once, and the first mail of a new member waited."""
    root = tmp_path / "m"
    own = Mailbox.create

    def made_by_another_first(place: Path, **how: Any) -> Mailbox:
        monkeypatch.setattr(Mailbox, "create", own)
        LiveMailbox.create(root, NOW).close()
        return own(place, **how)

    monkeypatch.setattr(Mailbox, "create", made_by_another_first)
    with LiveMailbox.create(root, NOW + 1) as box:
        assert box.folders.find(INBOX).uidvalidity == NOW  # type: ignore[union-attr]


def test_two_that_make_one_file_at_once_both_have_it(tmp_path: Path) -> None:
    """SQLite tells the second at once that the lock is taken, whatever it was told to wait."""

    def make(number: int, together: Barrier) -> None:
        together.wait(10)
        with contextlib.closing(open_beside(tmp_path / f"{number}.sqlite", TEXTS_TABLES)) as made:
            made.execute("SELECT count(*) FROM texts")

    with ThreadPoolExecutor(4) as makers:
        for number in range(100):
            together = Barrier(4)
            list(makers.map(partial(make, together=together), [number] * 4))
