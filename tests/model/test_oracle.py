"""The oracle itself, on paper: of each history it accepts the right outcome, and says of a wrong one what is wrong with it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from model.letters import letter
from model.life import new_renames_folder
from model.oracle import Looks, Oracle
from model.paper import PaperPerson
from model.person import Seen, Shelf
from model.rules import tables
from model.runs import Ended, Order
from model.world import Past, World
from support.runner import Done

Mail = dict[str, str]
"""Folders, each with its messages as ``name+flag+flag``; an apostrophe after the name makes it another copy than the one before."""
DATE = 1_580_551_200
START: Mail = {"A": "a b+\\Seen", "B": "c"}


class Paper:
    """One side. UIDs are kept for as long as a message stays in its folder."""

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {}
        self._uids: dict[tuple[str, str], int] = {}
        self._next = 1

    def write(self, mail: Mail) -> None:
        self._shelves = {}
        kept = {}
        for number, (folder, words) in enumerate(mail.items()):
            messages = []
            for word in words.split():
                name, *flags = word.split("+")
                self._next += 1
                kept[folder, name] = uid = self._uids.get((folder, name), self._next)
                tag = name.rstrip("'")
                messages.append(Seen(uid, tag, letter(tag), frozenset(flag.lower() for flag in flags), DATE))
            self._shelves[folder] = Shelf(1000 + number, tuple(messages))
        self._uids = kept

    def rename(self, name: str, to: str) -> None:
        self._uids = {(to if folder == name else folder, tag): uid for (folder, tag), uid in self._uids.items()}

    def read(self) -> dict[str, Shelf]:
        return dict(self._shelves)


class Case:
    """A history on paper: `old` and `member` change the sides, `night` is a run that leaves the new side as given."""

    def __init__(self) -> None:
        self.papers = Paper(), Paper()
        self.world = World(*self.papers)  # type: ignore[arg-type]
        self.oracle = Oracle(self.world, uidplus=True, steps=False)

    def old(self, mail: Mail, *, moves: str = "", deleted: str = "") -> None:
        for word in " ".join(mail.values()).split():
            tag = word.split("+")[0]
            if tag not in self.world.past:
                self.world.past[tag] = Past(letter(tag), DATE)
                self.world.note_old(tag, new=1)
        for tag in moves.split():
            self.world.note_old(tag, moves=1)
        for tag in deleted.split():
            self.world.note_old(tag, deleted=1)
        self.world.change()
        self.papers[0].write(mail)

    def member(self, mail: Mail, tag: str = "", deed: str = "", **counts: int) -> None:
        if tag:
            self.world.note_new(tag, deed, **counts)
        self.world.change()
        self.papers[1].write(mail)

    def night(
        self, leaves: Mail, *, order: Order | None = None, status: int = 0, named: tuple[str, ...] = (), **totals: int
    ) -> list[str]:
        before = self.oracle.look()
        self.papers[1].write(leaves)
        order = order or Order()
        report = self._report(before, named, totals)
        done = Done((), -9 if order.cut else status, "", "")
        ended = Ended(order, (_Told(done.words, done.status, "", "", report),), not order.cut)
        return self.oracle.after(ended, before, self.oracle.look())

    def _report(self, before: Looks, named: tuple[str, ...], totals: dict[str, int]) -> dict[str, Any]:
        found = sum(map(len, before.old.values()))
        line = {"found": found, "delivered": found, "already_there": 0, "refused": 0, "left_out": 0} | totals
        exceptions = []
        for code, _, tag in (each.partition(" ") for each in named):
            digest = hashlib.sha256(letter(tag)).hexdigest() if tag else ""
            exceptions.append({"code": code, "sha256": digest, "uid": 1, "folder": "A", "detail": ""})
        return {"totals": line, "folders": [], "exceptions": exceptions, "stopped": ""}


class _Told(Done):
    """A run with a report that was never printed."""

    __slots__ = ("_report",)

    def __init__(self, words: tuple[str, ...], status: int, output: str, errors: str, report: dict[str, Any]) -> None:
        super().__init__(words, status, output, errors)
        object.__setattr__(self, "_report", report)

    @property
    def report(self) -> dict[str, Any]:
        return self._report  # type: ignore[no-any-return]


def started() -> Case:
    """A mailbox after its first complete run."""
    case = Case()
    case.old(START)
    assert case.night(START) == []
    return case


def first(case: Case) -> None:
    case.old(START | {"C": "d"})


def member_deletes(case: Case) -> None:
    case.member({"A": "b+\\Seen", "B": "c"}, "a", "deleted", removed=1)


def member_deletes_and_old_moves(case: Case) -> None:
    member_deletes(case)
    case.old({"A": "b+\\Seen", "B": "c a"}, moves="a")


def member_marks_and_old_marks(case: Case) -> None:
    case.member({"A": "a+\\Flagged b+\\Seen", "B": "c"}, "a", "marked", touched=1)
    case.old({"A": "a+\\Answered b+\\Seen", "B": "c"})


def member_marks_and_old_moves(case: Case) -> None:
    case.member({"A": "a+\\Flagged b+\\Seen", "B": "c"}, "a", "marked", touched=1)
    case.old({"A": "b+\\Seen", "B": "c a"}, moves="a")


def old_marks(case: Case) -> None:
    case.old({"A": "a+\\Answered b+\\Seen", "B": "c"})


def old_moves(case: Case) -> None:
    case.old({"A": "b+\\Seen", "B": "c a"}, moves="a")


def old_deletes(case: Case) -> None:
    case.old({"A": "b+\\Seen", "B": "c"}, deleted="a")


def a_night_cut_while_old_marks_and_moves(case: Case) -> None:
    case.old({"A": "a b", "B": ""}, moves="c")
    case.old({"A": "a b c", "B": ""})
    assert case.night({"A": "a b+\\Seen c", "B": "c"}, order=Order(cut="kill")) == []


def member_brings_their_own(case: Case) -> None:
    case.member(START | {"Mine": "own"})


def member_deletes_a_folder(case: Case) -> None:
    case.world.delete_new("B")
    case.member({"A": "a b+\\Seen"}, "c", "folder deleted", removed=1)


def member_renames_a_folder_and_old_marks(case: Case) -> None:
    case.world.rename_new("B", "M")
    case.papers[1].rename("B", "M")
    case.member({"A": "a b+\\Seen", "M": "c"}, "c", "folder renamed")
    case.old({"A": "a b+\\Seen", "B": "c+\\Answered"})


def member_deletes_one_of_two_equal_ones(case: Case) -> None:
    two_equal_ones(case)
    case.member(START, "a", "deleted", removed=1)


def two_equal_ones(case: Case) -> None:
    case.old({"A": "a a' b+\\Seen", "B": "c"})
    case.world.note_old("a", new=1)
    assert case.night({"A": "a a' b+\\Seen", "B": "c"}) == []


def member_marks_one_of_two_equal_ones(case: Case) -> None:
    """As the other one is marked."""
    case.old({"A": "a a'+\\Seen b+\\Seen", "B": "c"})
    case.world.note_old("a", new=1)
    assert case.night({"A": "a a'+\\Seen b+\\Seen", "B": "c"}) == []
    shelf = case.papers[1].read()["A"]
    case.world.note_marked("A", shelf.uidvalidity, [each for each in shelf.messages if each.tag == "a"][:1])
    case.member({"A": "a+\\Seen a'+\\Seen b+\\Seen", "B": "c"}, "a", "marked", touched=1)


def the_state_is_lost_and_the_members_copy_lies_elsewhere(case: Case) -> None:
    case.member({"A": "b+\\Seen", "B": "c a"}, "a", "moved", touched=1, moved=1)
    case.oracle.lose()


def something_happens_while_a_run_is_at_work_and_the_member_deletes_it_later(case: Case) -> None:
    case.world.past["a"].during = case.world.changed_during = True
    assert case.night(START) == []
    case.world.begin_run()
    assert case.night(START) == []
    member_deletes(case)


def the_state_is_lost(case: Case) -> None:
    case.oracle.lose()


HISTORIES: list[tuple[Callable[[Case], None], Mail, Mail, str]] = [
    (first, START | {"C": "d"}, START | {"C": ""}, "nowhere on the new one"),
    (first, START | {"C": "d"}, START | {"C": "d d'"}, "too often"),
    (first, START | {"C": "d"}, START | {"C": "d+\\Seen"}, "flags that it never had"),
    (first, START | {"C": "d"}, START | {"B": "c d"}, "never made"),
    (first, START | {"C": "d"}, {"A": "a b", "B": "c", "C": "d"}, "where nobody touched it"),
    (first, START | {"C": "d"}, START | {"C": "d", "E": "x"}, "which the old side never had"),
    (member_deletes, {"A": "b+\\Seen", "B": "c"}, {"A": "a b+\\Seen", "B": "c"}, "a: nowhere became|too often"),
    (member_deletes_and_old_moves, {"A": "b+\\Seen", "B": "c"}, {"A": "b+\\Seen", "B": "c a"}, "a: nowhere became|too often"),
    (member_marks_and_old_marks, {"A": "a+\\Flagged b+\\Seen", "B": "c"}, {"A": "a+\\Answered b+\\Seen", "B": "c"}, "is the member's|was the member's"),
    (member_marks_and_old_moves, {"A": "a+\\Flagged b+\\Seen", "B": "c a"}, {"A": "b+\\Seen", "B": "c a"}, "which is the member's, was removed"),
    (member_marks_and_old_moves, {"A": "a+\\Flagged b+\\Seen", "B": "c a"}, {"A": "a+\\Flagged b+\\Seen", "B": "c"}, "became"),
    (old_marks, {"A": "a+\\Answered b+\\Seen", "B": "c"}, START, "where nobody touched it"),
    (old_moves, {"A": "b+\\Seen", "B": "c a"}, {"A": "a b+\\Seen", "B": "c a"}, "once too often"),
    (old_moves, {"A": "b+\\Seen", "B": "c a"}, START, "where nobody touched it"),
    (old_moves, {"A": "b+\\Seen", "B": "c a"}, {"A": "b+\\Seen", "B": "c"}, "a is lost"),
    (old_deletes, START, {"A": "b+\\Seen", "B": "c"}, "became nowhere"),
    (a_night_cut_while_old_marks_and_moves, {"A": "a b c", "B": ""}, {"A": "a b+\\Seen c", "B": ""}, "where nobody touched it"),
    (a_night_cut_while_old_marks_and_moves, {"A": "a b c", "B": ""}, {"A": "a b c", "B": "c"}, "once too often"),
    (member_brings_their_own, START | {"Mine": "own"}, START | {"Mine": ""}, "was removed"),
    (member_brings_their_own, START | {"Mine": "own"}, START, "removed the folder Mine"),
    (member_deletes_a_folder, {"A": "a b+\\Seen"}, {"A": "a b+\\Seen", "B": ""}, "made B again"),
    (member_renames_a_folder_and_old_marks, {"A": "a b+\\Seen", "M": "c+\\Answered"}, {"A": "a b+\\Seen", "M": "c"}, "c: in M"),
    (member_renames_a_folder_and_old_marks, {"A": "a b+\\Seen", "M": "c+\\Answered"}, {"A": "a b+\\Seen", "M": "c", "B": "c+\\Answered"}, "made B again"),
    (member_deletes_one_of_two_equal_ones, START, {"A": "a a' b+\\Seen", "B": "c"}, "too often"),
    (member_marks_one_of_two_equal_ones, {"A": "a+\\Seen a'+\\Seen b+\\Seen", "B": "c"}, {"A": "a a'+\\Seen b+\\Seen", "B": "c"}, "was the member's"),
    (old_marks, {"A": "a+\\Answered b+\\Seen", "B": "c"}, {"A": "a+\\Answered b+\\Seen", "B": "c+\\Deleted"}, "marked as deleted"),
    (the_state_is_lost_and_the_members_copy_lies_elsewhere, {"A": "a b+\\Seen", "B": "c a"}, {"A": "b+\\Seen", "B": "c a"}, "became"),
    (something_happens_while_a_run_is_at_work_and_the_member_deletes_it_later, {"A": "b+\\Seen", "B": "c"}, START, "became|too often"),
    (the_state_is_lost, START, {"A": "a a' b+\\Seen", "B": "c"}, "too often"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("history", "right", "wrong", "words"), HISTORIES, ids=[f"{h[0].__name__}-{n}" for n, h in enumerate(HISTORIES)]
)
def test_the_right_outcome_is_accepted_and_a_wrong_one_is_named(history, right: Mail, wrong: Mail, words: str) -> None:
    case = started()
    history(case)
    assert case.night(right) == []
    case = started()
    history(case)
    found = case.night(wrong)
    assert any(word in each for each in found for word in words.split("|")), found


def test_what_the_member_marked_while_a_run_was_at_work_and_unmarked_since_is_as_it_was_given() -> None:
    case = started()
    case.world.running = True
    _mark(case, "a")
    case.world.past["a"].during = case.world.changed_during = True
    case.member({"A": "a+\\Flagged b+\\Seen", "B": "c"}, "a", "flag", touched=1)
    assert case.night({"A": "a+\\Flagged b+\\Seen", "B": "c"}) == []
    case.world.begin_run()
    case.world.running = False
    _mark(case, "a")
    case.member(START, "a", "flag", touched=1)
    case.old({"A": "b+\\Seen", "B": "c a"}, moves="a")
    assert case.night({"A": "b+\\Seen", "B": "c a"}) == []


def _mark(case: Case, tag: str) -> None:
    shelf = case.papers[1].read()["A"]
    case.world.note_marked("A", shelf.uidvalidity, [seen for seen in shelf.messages if seen.tag == tag])


def test_a_change_of_the_old_side_is_named() -> None:
    case = started()
    before = case.oracle.look()
    case.papers[0].write({"A": "a+\\Seen b+\\Seen", "B": "c"})
    ended = Ended(Order(cut="kill"), (Done((), -9, "", ""),), False)
    assert "the old side was changed" in case.oracle.after(ended, before, case.oracle.look())


@pytest.mark.parametrize(("what", "words"), [("octets", "other octets"), ("date", "another date: +1 s")])
def test_other_octets_and_another_date_are_named(what: str, words: str) -> None:
    case = Case()
    case.old({"A": "a"})
    before = case.oracle.look()
    case.papers[1].write({"A": "a"})
    (seen,) = case.papers[1]._shelves["A"].messages
    changed = replace(seen, octets=b"X-Tag: a\r\n\r\n") if what == "octets" else replace(seen, date=seen.date + 1)
    case.papers[1]._shelves["A"] = Shelf(1000, (changed,))
    ended = Ended(Order(cut="kill"), (Done((), -9, "", ""),), False)
    assert words in " ".join(case.oracle.after(ended, before, case.oracle.look()))


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"status": 1}, "exit status 1, and the report names no fault"),
        ({"named": ("missing",)}, "exit status 0, and the report names missing"),
        ({"named": ("missing",), "status": 1}, "which is no fault"),
        ({"delivered": 2}, "found 3, but 2 accounted for"),
        ({"found": 2, "delivered": 2}, "the report found 2 messages of 3"),
    ],
)
def test_a_report_that_does_not_agree_with_what_is_there_is_named(says: dict[str, Any], words: str) -> None:
    case = started()
    assert words in " ".join(case.night(START, **says))


def test_what_is_theirs_may_be_told_and_is_no_fault() -> None:
    case = started()
    member_deletes(case)
    assert case.night({"A": "b+\\Seen", "B": "c"}, named=("removed",)) == []


def test_a_run_with_nothing_to_do_that_writes_a_message_anew_is_named() -> None:
    case = started()
    found = case.night({"A": "a' b+\\Seen", "B": "c"})
    assert any(each.startswith("with nothing to do") for each in found)


def test_after_an_older_state_what_it_knows_is_followed() -> None:
    case = started()
    case.oracle.keep(1)
    old_marks(case)
    assert case.night({"A": "a+\\Answered b+\\Seen", "B": "c"}) == []
    case.oracle.put_back(1)
    case.old({"A": "a b+\\Seen", "B": "c"})
    # the copy has flags that this state never gave it: it may be followed, or be theirs
    assert case.night({"A": "a+\\Answered b+\\Seen", "B": "c"}) == []


def test_what_came_to_a_folder_is_told_from_the_state_folder_that_is_in_use() -> None:
    case = Case()
    case.old({"A": "a", "B": ""})
    assert case.night({"A": "a", "B": ""}) == []
    case.oracle.keep(1)
    case.old({"A": "", "B": "a"}, moves="a")
    assert case.night({"A": "", "B": "a"}) == []
    case.world.rename_new("B", "M")
    case.papers[1].rename("B", "M")
    case.member({"A": "", "Mine": "", "M": "a"}, "a", "folder renamed")  # and it has another UIDVALIDITY
    case.oracle.look()
    case.oracle.put_back(1)
    # to this state a came to B, and B is gone: it is made again, and stays empty, as a is found in M
    assert case.night({"A": "", "Mine": "", "M": "a", "B": ""}) == []


def test_a_folder_that_had_the_name_of_a_renamed_one_may_be_what_a_state_folder_knows() -> None:
    """The member renames B, and without its state a run makes it again; to the state folder of before that one is B, also when it is renamed, too."""
    case = started()
    case.oracle.keep(1)
    case.world.rename_new("B", "M")
    case.papers[1].rename("B", "M")
    case.member({"A": "a b+\\Seen", "M": "c"}, "c", "folder renamed")
    case.oracle.lose()
    assert case.night({"A": "a b+\\Seen", "M": "c", "B": "c'"}) == []
    case.oracle.put_back(1)
    assert case.night({"A": "a b+\\Seen", "M": "c", "B": "c'"}) == []
    case.world.rename_new("B", "M2")
    case.papers[1].rename("B", "M2")
    case.member({"A": "a b+\\Seen", "M": "c", "M2": "c'"}, "c", "folder renamed")
    case.old({"A": "a b+\\Seen", "B": "c d"})
    for _ in range(2):
        assert case.night({"A": "a b+\\Seen", "M": "c", "M2": "c' d"}) == []


def test_a_run_that_has_no_reason_to_look_learns_nothing() -> None:
    """The member deletes a, and then its folder; a run with another state folder puts all of it there again. To the earlier state, which
    never looked, a lies in A, under another UIDVALIDITY: when it moves on the old side, its copy moves too."""
    case = started()
    member_deletes(case)
    assert case.night({"A": "b+\\Seen", "B": "c"}) == []
    case.oracle.keep(1)
    case.world.delete_new("A")
    case.member({"B": "c"}, "b", "folder deleted", removed=1)
    assert case.night({"B": "c", "A": "a b+\\Seen"}, order=Order(beside="another")) == []
    case.oracle.put_back(1)
    assert case.night({"B": "c", "A": "a b+\\Seen"}) == []
    case.old({"A": "b+\\Seen", "B": "c a"}, moves="a")
    assert case.night({"B": "c a", "A": "b+\\Seen"}) == []


@pytest.mark.parametrize("flags", ["\\Draft", "\\Flagged"])
def test_what_was_captured_before_its_folder_could_not_be_opened_is_delivered_as_it_was(flags: str) -> None:
    """Capture, then a delivery that is killed; the old side takes a flag off, in a folder that can't be captured again. A flag that it never had is wrong."""
    case = Case()
    case.oracle.steps = True
    case.old(START | {"C": "d+\\Draft"})
    assert case.night(START, order=Order(cut="kill")) == []
    case.old(START | {"C": "d"})
    case.world.closed.add("C")
    before = case.oracle.look()
    case.papers[1].write(START | {"C": f"d+{flags}"})
    ended = Ended(Order(), (_Told((), 1, "", "", case._report(before, ("unreadable",), {})),), True)
    found = case.oracle.after(ended, before, case.oracle.look(), faulty=True)
    assert bool(found) == (flags == "\\Flagged"), found


def test_the_tables_of_the_page_are_complete() -> None:
    cells = tables()
    assert len(cells) == 8 * 10 * 7
    assert cells["moved", "delivered", "touched"] == "send beside"
    assert cells["folder gone", "in doubt", "touched"] == "found, theirs"
    known = {
        "send",
        "look",
        "follow",
        "replace",
        "leave",
        "theirs",
        "found",
        "found, theirs",
        "removed",
        "missing",
        "fault",
        "send beside",
    }
    assert set(cells.values()) <= known


@pytest.mark.parametrize("is_emptied", [True, False])
def test_what_went_with_a_folder_that_was_deleted_in_the_run_is_not_lost(is_emptied: bool) -> None:
    """It was brought there behind the eyes of who deleted the folder; of any other it is."""
    case = Case()
    case.old(START)
    before = case.oracle.look()
    case.world.begin_run()
    case.world.running = True
    case.world.note_emptied("A" if is_emptied else "Elsewhere")
    case.world.running = False
    case.papers[1].write({"A": "", "B": "c"})
    ended = Ended(Order(), (_Told((), 0, "", "", case._report(before, (), {})),), True)
    found = case.oracle.after(ended, before, case.oracle.look(), during=True)
    assert bool(found) == (not is_emptied), found


def test_what_a_run_makes_below_a_folder_in_the_moment_in_which_it_is_renamed_has_its_new_name() -> None:
    class Meanwhile(PaperPerson):
        def rename(self, folder: str, to: str) -> None:
            self.create(f"{folder}/Q")
            super().rename(folder, to)

    world = World(PaperPerson(), Meanwhile())  # type: ignore[arg-type]
    world.new.create("P")
    world.look_new()
    told = new_renames_folder(world, Random(1))
    assert told is not None
    (to,) = world.now_called("P")
    assert to in told
    assert world.now_called("P/Q") == {f"{to}/Q"}


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("uidplus", [True, False])
def test_a_copy_that_a_person_makes_behind_a_run_that_was_cut_may_be_named_where_uids_are_not_told(
    cut: bool, uidplus: bool
) -> None:
    case = Case()
    case.oracle.uidplus = uidplus
    case.old({"A": "a"})
    assert case.night({"A": "a"}, order=Order(cut="kill" if cut else "")) == []
    both = {"A": "a a'"}
    case.member(both, "a", "made", made=1)
    found = case.night(both, status=1, named=("duplicate a",))
    assert any("duplicate" in each for each in found) == (uidplus or not cut), found
