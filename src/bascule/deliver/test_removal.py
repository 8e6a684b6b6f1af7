r"""Of the target only our own copies are removed, and only those that nobody touched; our ``\Deleted`` stays on nothing else."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self, cast

import pytest

from bascule.deliver.limits import SET_MEMBERS
from bascule.deliver.removal import Ours, Removal, Removed
from bascule.protocols.imap.commands import Argument, How
from bascule.protocols.imap.fetch import Fetch, MessageData
from bascule.protocols.imap.sequence import expand, parse_ranges
from bascule.terms.flags import Flags
from bascule.wire.errors import CommandRefused, ConnectionLost
from bascule.wire.imap import ImapClient

NONE: Flags = frozenset()
SEEN, DELETED = frozenset({"\\Seen"}), frozenset({"\\Deleted"})
HUGE = 2**32 - 1
"""The highest UID that there is."""


def numbers(uids: Argument) -> list[int]:
    (octets,) = uids.segments
    assert isinstance(octets, bytes)
    return list(expand(parse_ranges(octets)))


def does_nothing(folder: "Folder") -> None: ...


@dataclass(slots=True)
class Folder:
    r"""The selected folder of a target: UID → flags. ``meanwhile``: what somebody does there before the flags are looked at once more.
    ``refuses``: the words at which it says NO, of ``+``, ``-`` and ``EXPUNGE``; ``ignores``: those at which it says OK and does nothing; ``ends``: that at
    which the connection ends."""

    flags: dict[int, Flags]
    has_uid_expunge: bool = True
    meanwhile: Callable[["Folder"], None] = does_nothing
    refuses: frozenset[str] = frozenset()
    ignores: frozenset[str] = frozenset()
    ends: str = ""
    asked: list[str] = field(default_factory=list)

    async def store(self, uids: Argument, flags: Flags, how: How) -> None:
        assert flags == DELETED
        self._take(word := "+" if how is How.ADD else "-")
        for uid in () if word in self.ignores else self.flags.keys() & set(numbers(uids)):
            self.flags[uid] = self.flags[uid] | flags if how is How.ADD else self.flags[uid] - flags

    async def fetch(self, uids: Argument, items: Argument, take: Callable[[Fetch], None]) -> Self:
        self.meanwhile(self)
        for uid in self.flags.keys() & set(numbers(uids)):
            take(Fetch(1, MessageData(uid=uid, flags=self.flags[uid])))
        return self

    async def ok(self) -> None: ...

    async def uid_expunge(self, uids: Argument) -> None:
        self._take("EXPUNGE")
        for uid in () if "EXPUNGE" in self.ignores else numbers(uids):
            if "\\Deleted" in self.flags.get(uid, NONE):
                del self.flags[uid]

    def _take(self, word: str) -> None:
        self.asked.append(word)
        if word == self.ends:
            raise ConnectionLost("gone")
        if word in self.refuses:
            raise CommandRefused(word, "NO", None, "no")


def run(work: Callable[[ImapClient], Coroutine[Any, Any, Any]], folder: Folder) -> Any:
    return asyncio.run(work(cast(ImapClient, folder)))


def remove(folder: Folder, *given: int, removal: Removal | None = None, flags: Flags = SEEN) -> Removed:
    """These, each of which was given ``flags`` and has them."""
    copies = [Ours(uid, flags, flags) for uid in given]
    removed = run(lambda client: (removal or Removal()).remove(client, copies), folder)
    assert isinstance(removed, Removed)
    return removed


def a_folder(**given: Any) -> Folder:
    """Two copies of ours, 10 and the highest UID, and two messages of somebody else's, one of them marked as deleted."""
    return Folder({10: SEEN, 11: SEEN, 12: SEEN | DELETED, HUGE: SEEN}, **given)


def test_what_is_ours_is_removed_and_nothing_beside_it() -> None:
    folder, removal = a_folder(), Removal()
    assert remove(folder, 10, HUGE, removal=removal) == Removed(gone=frozenset({10, HUGE}))
    assert (folder.flags, removal.marked) == ({11: SEEN, 12: SEEN | DELETED}, set())


def test_of_no_copies_nothing_is_asked() -> None:
    folder = a_folder()
    assert remove(folder) == Removed()
    assert folder.asked == []


def test_more_than_one_set_holds_are_removed_all() -> None:
    ours = range(1, 2 * SET_MEMBERS + 2)
    folder = Folder(dict.fromkeys(ours, SEEN) | {HUGE: DELETED})
    assert remove(folder, *ours).gone == frozenset(ours)
    assert folder.flags == {HUGE: DELETED}
    assert folder.asked == ["+", "+", "+", "EXPUNGE", "EXPUNGE", "EXPUNGE"]


@pytest.mark.parametrize("touch", [SEEN | {"\\Flagged"}, NONE, SEEN | {"$A"}])
def test_a_copy_that_somebody_marks_meanwhile_stays_and_loses_our_mark(touch: Flags) -> None:
    def mark(folder: Folder) -> None:
        folder.flags[10] = touch | DELETED

    folder = a_folder(meanwhile=mark)
    assert remove(folder, 10, HUGE) == Removed(frozenset({HUGE}), frozenset({10}))
    assert folder.flags == {10: touch, 11: SEEN, 12: SEEN | DELETED}


def test_a_copy_that_somebody_removes_meanwhile_is_gone() -> None:
    folder = a_folder(meanwhile=lambda folder: folder.flags.pop(10, None) and None)
    assert remove(folder, 10).gone == {10}
    assert 11 in folder.flags


def test_what_somebody_marked_as_deleted_before_us_keeps_that_mark_where_it_is_not_removed() -> None:
    folder = Folder({10: SEEN | DELETED | {"\\Flagged"}, 11: SEEN})
    copies = [Ours(10, SEEN, folder.flags[10]), Ours(11, SEEN, SEEN)]
    removed = run(lambda client: Removal().remove(client, copies), folder)
    assert removed == Removed(frozenset({11}), frozenset({10}))
    assert folder.flags == {10: SEEN | DELETED | {"\\Flagged"}}


def test_a_keyword_in_other_capitals_is_nobodys_doing() -> None:
    folder = Folder({10: frozenset({"$forwarded"})})
    assert remove(folder, 10, flags=frozenset({"$Forwarded"})).gone == {10}


def test_a_target_that_removes_no_single_message_is_asked_for_nothing() -> None:
    folder = a_folder(has_uid_expunge=False)
    assert remove(folder, 10, HUGE) == Removed(refused=frozenset({10, HUGE}))
    assert folder.asked == []


@pytest.mark.parametrize("refuses", ["+", "EXPUNGE"])
def test_where_it_refuses_all_is_as_it_was(refuses: str) -> None:
    folder = a_folder(refuses=frozenset({refuses}))
    before = dict(folder.flags)
    removal = Removal()
    assert remove(folder, 10, HUGE, removal=removal) == Removed(refused=frozenset({10, HUGE}))
    assert folder.flags == before
    assert removal.marked == set()


@pytest.mark.parametrize("ignores", [{"+"}, {"EXPUNGE"}, {"+", "EXPUNGE"}])
def test_where_it_says_ok_and_does_nothing_they_are_refused_and_all_is_as_it_was(ignores: set[str]) -> None:
    """As Dovecot does where the user has no right to it: RFC 4314 §4."""
    folder, removal = a_folder(ignores=frozenset(ignores)), Removal()
    assert remove(folder, 10, HUGE, removal=removal) == Removed(refused=frozenset({10, HUGE}))
    assert folder.flags == a_folder().flags
    assert removal.marked == set()


def test_what_it_refuses_half_way_is_told_apart() -> None:
    """The second set is refused: what was in the first is gone, and the rest is as it was."""
    first, second = range(1, SET_MEMBERS + 1), range(SET_MEMBERS + 1, SET_MEMBERS + 3)

    def refuse_the_second(folder: Folder) -> None:
        if folder.asked.count("EXPUNGE"):
            folder.refuses = frozenset({"EXPUNGE"})

    folder = Expunging(dict.fromkeys((*first, *second), SEEN), after_each=refuse_the_second)
    assert remove(folder, *first, *second) == Removed(gone=frozenset(first), refused=frozenset(second))
    assert folder.flags == dict.fromkeys(second, SEEN)


@dataclass(slots=True)
class Expunging(Folder):
    """One that changes its mind."""

    after_each: Callable[[Folder], None] = does_nothing

    async def uid_expunge(self, uids: Argument) -> None:
        await Folder.uid_expunge(self, uids)
        self.after_each(self)


def test_a_mark_that_can_not_be_taken_off_stops_nothing() -> None:
    folder = a_folder(refuses=frozenset({"EXPUNGE", "-"}))
    removal = Removal()
    assert remove(folder, 10, removal=removal).refused == {10}
    assert folder.asked == ["+", "EXPUNGE", "-"]
    assert removal.marked == set()


@pytest.mark.parametrize("ends", ["+", "EXPUNGE"])
def test_after_a_lost_connection_it_is_known_what_may_have_our_mark_and_that_is_taken_back(ends: str) -> None:
    folder, removal = a_folder(ends=ends), Removal()
    with pytest.raises(ConnectionLost):
        remove(folder, 10, HUGE, removal=removal)
    assert removal.marked == {10, HUGE}
    folder.ends = ""
    run(removal.take_back, folder)
    assert (folder.flags, removal.marked) == (a_folder().flags, set())


@pytest.mark.parametrize(
    ("among", "left"),
    [(None, set()), ((10, 11), {HUGE}), ((11, 12), {10, HUGE}), ((), {10, HUGE})],
)
def test_only_our_marks_are_taken_back(among: tuple[int, ...] | None, left: set[int]) -> None:
    folder = a_folder()
    removal = Removal({10, HUGE})
    for uid in removal.marked:
        folder.flags[uid] |= DELETED
    run(lambda client: removal.take_back(client, among), folder)
    assert {uid for uid, flags in folder.flags.items() if flags & DELETED} == left | {12}
    assert removal.marked == left
