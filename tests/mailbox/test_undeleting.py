"""What was deleted comes back to the folder it was deleted from, in whatever order it is asked for."""

from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from bascule.mailbox import check
from bascule.mailbox.live import Arriving, LiveMailbox, Placed
from bascule.mailbox.live.undeleting import deleted, give_back
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.instant import InternalDate
from support import messages

NOW = 1_700_000_000
PROJETS, SENT = FolderPath(("Projets",)), FolderPath(("Sent",))


class Box:
    """A mailbox with three messages in INBOX. Each step is a second after the one before."""

    def __init__(self, root: Path) -> None:
        self.live = LiveMailbox.create(root, NOW)
        self.now = NOW
        self.live.folders.create(PROJETS, NOW)
        mails = [Arriving(HeldBody(messages.plain(n)), frozenset(), InternalDate(NOW)) for n in range(3)]
        self.live.messages.append(self.at(INBOX), mails)

    def at(self, path: FolderPath) -> int:
        found = self.live.folders.find(path)
        assert found is not None
        return found.id

    def later(self) -> int:
        self.now += 1
        return self.now

    def rows(self, path: FolderPath) -> list[int]:
        query = "SELECT id FROM messages WHERE folder = ? AND vanished_utc IS NULL ORDER BY uid"
        return [row for (row,) in self.live.mailbox.database.execute(query, (self.at(path),))]

    def copy(self, path: FolderPath, count: int, target: FolderPath) -> None:
        self.live.messages.copy(self.rows(path)[:count], self.at(target))

    def move(self, path: FolderPath, count: int, target: FolderPath) -> None:
        self.live.messages.move(self.at(path), self.rows(path)[:count], self.at(target), self.later())

    def expunge(self, path: FolderPath, count: int = 1_000) -> None:
        self.live.messages.expunge(self.at(path), self.rows(path)[:count], self.later())

    def delete(self, path: FolderPath) -> None:
        self.live.folders.delete(path, self.later())

    def missing(self) -> Counter[str]:
        return Counter(str(each.path) for each in deleted(self.live, 0))

    def restore(self, path: FolderPath | None = None) -> int:
        found = [each for each in deleted(self.live, 0) if path in (None, each.path)]
        return give_back(self.live, found, self.later())

    def held(self) -> dict[str, int]:
        return {str(folder.path): folder.messages for folder in self.live.folders.all() if folder.messages}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "live.mailbox")
    yield made
    made.live.close()
    assert check(tmp_path / "live.mailbox") == []


@pytest.mark.parametrize("order", [*permutations((INBOX, PROJETS)), (None,)])
def test_a_folder_that_held_copies_is_made_again_in_whatever_order(
    box: Box, order: tuple[FolderPath | None, ...]
) -> None:
    box.copy(INBOX, 2, PROJETS)
    box.expunge(INBOX)
    box.delete(PROJETS)
    assert box.missing() == {"INBOX": 3, "Projets": 2}
    assert sum(map(box.restore, order)) == 5
    assert box.held() == {"INBOX": 3, "Projets": 2}
    assert box.missing() == {}


def test_what_is_given_back_is_never_there_as_deleted(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    r"""Programs flag ``\\Deleted`` before they expunge, and expunge whatever is flagged so: also in the moment in which it comes back."""
    box.live.messages.set_flags(box.at(INBOX), [1, 2, 3], lambda flags: flags | {"\\Deleted", "\\Seen"})
    box.expunge(INBOX)
    with LiveMailbox.open(box.live.root) as other:
        give = box.live.messages.give_back

        def give_and_expunge(*asked: Any) -> Placed:
            placed = give(*asked)
            rows = [row for row, _ in other.reading.deleted(box.at(INBOX))]
            other.messages.expunge(box.at(INBOX), rows, box.later(), only_flagged=True)
            return placed

        monkeypatch.setattr(box.live.messages, "give_back", give_and_expunge)
        assert box.restore() == 3
    assert box.held() == {"INBOX": 3}
    rows = box.live.reading.rows(box.at(INBOX), 4, 9, limit=9)
    assert {box.live.reading.flags(row.flagset) for row in rows} == {frozenset({"\\Seen"})}


def test_a_deleted_folder_is_made_again_though_all_of_it_is_elsewhere(box: Box) -> None:
    box.copy(INBOX, 2, PROJETS)
    box.delete(PROJETS)
    assert box.missing() == {"Projets": 2}
    assert (box.restore(), box.restore()) == (2, 0)
    assert box.held() == {"INBOX": 3, "Projets": 2}


def test_what_was_moved_is_not_deleted_neither_before_its_folder_is_nor_after(box: Box) -> None:
    box.move(INBOX, 1, SENT)
    box.move(INBOX, 2, PROJETS)
    box.move(PROJETS, 1, SENT)
    assert box.missing() == {}
    box.delete(PROJETS)
    assert box.missing() == {"INBOX": 1, "Projets": 1}


def test_what_was_given_back_and_moved_on_is_not_given_back_again(box: Box) -> None:
    box.copy(INBOX, 2, PROJETS)
    box.expunge(INBOX)
    box.delete(PROJETS)
    assert box.restore() == 5
    box.move(PROJETS, 2, SENT)
    box.move(INBOX, 3, SENT)
    assert box.missing() == {}


def test_a_folder_that_was_deleted_twice_comes_back_once(box: Box) -> None:
    box.move(INBOX, 3, PROJETS)
    for _ in range(2):
        box.delete(PROJETS)
        box.restore(PROJETS)
    box.delete(PROJETS)
    assert box.restore(PROJETS) == 3
    assert box.held() == {"Projets": 3}
