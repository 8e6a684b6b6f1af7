"""A folder that a server lists, and says of where it is opened that it does not exist: its back end is away, its index is broken. It is not
gone, and what is in it is neither left out of the count nor taken for removed."""

from pathlib import Path

import pytest

from support import messages
from support.hurry import bascule_in_a_hurry
from support.nights import Nights
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.server import Session
from support.quirks.store import Folder
from support.quirks.syntax import Command, No


class IsAway(Quirk):
    """Folder F is listed and, unless ``uncounted``, counted; where it is opened ``while_away``, the server says that there is none."""

    without = frozenset({"LIST-STATUS"})

    def __init__(self, *, while_away: bool = True, uncounted: bool = False) -> None:
        self.while_away = while_away
        self._refused = {"SELECT", "EXAMINE"} | ({"STATUS"} if uncounted else set())

    def before(self, session: Session, command: Command) -> None:
        if self.while_away and command.verb in self._refused and command.arguments[0] == b"F":
            raise No("Mailbox does not exist")


class IsRemovedBeforeItIsOpened(Quirk):
    """Folder F is listed once, and removed before anybody opens it."""

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "EXAMINE" and command.arguments[0] == b"F":
            session.store.folders.pop(b"F", None)


class InboxIsAway(Quirk):
    """INBOX is not listed, and can't be opened just now."""

    while_away = False

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if not (self.while_away and b"INBOX" in line)]

    def before(self, session: Session, command: Command) -> None:
        if self.while_away and command.verb == "EXAMINE" and command.arguments[0] == b"INBOX":
            raise No("its index is locked")


def filled() -> tuple[Store, Folder]:
    store = Store()
    store.append(store.folders[b"INBOX"], messages.plain(9))
    folder = store.create(b"F")
    for number in range(1, 6):
        store.append(folder, messages.plain(number))
    return store, folder


UNCOUNTED = pytest.mark.parametrize("uncounted", [False, True], ids=["counted", "uncounted"])


@UNCOUNTED
def test_a_folder_of_the_old_side_that_is_listed_and_not_opened_is_named(tmp_path: Path, *, uncounted: bool) -> None:
    old, _ = filled()
    with QuirkServer(quirk := IsAway(uncounted=uncounted), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        first, seen = night.copy(), night.verify()
        quirk.while_away = False
        second = night.copy()
        assert target.store.keys() == old.keys()
    assert (first.returncode, seen.returncode, second.returncode) == (1, 1, 0)
    assert "F" in first.stdout
    assert "Mailbox does not exist" in first.stdout
    assert "the old side does not open the folder" in seen.stdout


@UNCOUNTED
def test_what_earlier_runs_read_of_it_has_not_vanished(tmp_path: Path, *, uncounted: bool) -> None:
    """What is found again in G is delivered as the copy that it is, and not taken for the move of what lies in F."""
    old, folder = filled()
    with QuirkServer(quirk := IsAway(while_away=False, uncounted=uncounted), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        quirk.while_away = True
        old.append(old.create(b"G"), folder.messages[0].octets)
        old.append(folder, messages.plain(6))
        assert night.copy().returncode == 1
        quirk.while_away = False
        assert night.copy().returncode == 0
        assert target.store.keys() == old.keys()


def test_capture_names_it_too(tmp_path: Path) -> None:
    old, _ = filled()
    with QuirkServer(IsAway(), old) as source:
        done = bascule_in_a_hurry(tmp_path, "capture", source.url, tmp_path / "m.mailbox", "--quiet")
    assert done.returncode == 1
    assert "Mailbox does not exist" in done.stdout + done.stderr


def test_a_folder_that_is_listed_no_more_when_it_is_opened_is_gone_and_no_fault(tmp_path: Path) -> None:
    old, _ = filled()
    with QuirkServer(IsRemovedBeforeItIsOpened(), old) as source, QuirkServer() as target:
        done = Nights(tmp_path, source, target).copy()
    assert done.returncode == 0, done.stdout


def test_an_inbox_that_is_neither_listed_nor_opened_just_now_is_named(tmp_path: Path) -> None:
    old, _ = filled()
    with QuirkServer(quirk := InboxIsAway(), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        quirk.while_away = True
        old.append(old.folders[b"INBOX"], messages.plain(10))
        done = night.copy()
    assert done.returncode == 1
    assert "its index is locked" in done.stdout


@UNCOUNTED
@pytest.mark.parametrize("side", ["old", "new"])
def test_verify_takes_nothing_in_it_for_removed(tmp_path: Path, side: str, *, uncounted: bool) -> None:
    old, _ = filled()
    quirk = IsAway(while_away=False, uncounted=uncounted)
    quirks = (quirk, Quirk()) if side == "old" else (Quirk(), quirk)
    with QuirkServer(quirks[0], old) as source, QuirkServer(quirks[1]) as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        quirk.while_away = True
        seen = night.verify()
    assert seen.returncode == 1
    assert f"the {side} side does not open the folder" in seen.stdout
    assert "removed" not in seen.stdout


@UNCOUNTED
def test_a_folder_of_the_target_that_is_listed_and_not_opened_is_not_made_again(
    tmp_path: Path, *, uncounted: bool
) -> None:
    """What belongs in it is refused, and comes once it opens."""
    old, folder = filled()
    with (
        QuirkServer(store=old) as source,
        QuirkServer(quirk := IsAway(while_away=False, uncounted=uncounted)) as target,
    ):
        night = Nights(tmp_path, source, target)
        night.copy()
        quirk.while_away = True
        old.append(folder, messages.plain(6))
        target.commands.clear()
        refused = night.copy()
        assert "CREATE" not in target.verbs()
        quirk.while_away = False
        assert night.copy().returncode == 0
        assert target.store.keys() == old.keys()
    assert refused.returncode == 1
    assert "Mailbox does not exist" in refused.stdout


@UNCOUNTED
def test_what_moved_away_and_was_marked_while_it_is_not_opened_follows_later(
    tmp_path: Path, *, uncounted: bool
) -> None:
    old, folder = filled()
    elsewhere = old.create(b"G")
    with (
        QuirkServer(store=old) as source,
        QuirkServer(quirk := IsAway(while_away=False, uncounted=uncounted)) as target,
    ):
        night = Nights(tmp_path, source, target)
        night.copy()
        quirk.while_away = True
        marked, moved = folder.messages[:2]
        folder.change(marked, {b"\\Flagged"})
        folder.remove([moved])
        old.append(elsewhere, moved.octets)
        night.copy()
        quirk.while_away = False
        night.copy()
        assert target.store.keys() == old.keys()
        assert night.verify().returncode == 0
