"""Histories of several runs between two Dovecots, as `tests/model/test_findings.py` tells them, written for any runner.

Each acts on a `Journey`, which makes the runs in it, and gives what must be on the new side after two more (`docs/later-runs.md`): nothing
lost, nothing twice, what the member did on the new side kept, what the old side does followed. Removing on the old side removes nothing
on the new one.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from model.letters import letter
from peers.journey import APPENDED, FETCHED, LARGE, Journey, has_appended


@dataclass(frozen=True, slots=True)
class Expected:
    """``there``: by folder, the names of its messages; other folders are empty. ``flags``: of some of them; ``gone``: what the member removed;
    ``dropped``: what the old side deleted; ``theirs``, ``their_marks``: filing and marks in question are the member's, else the old side's; ``folders``: which must not be there at all."""

    there: dict[str, str]
    flags: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    theirs: bool = False
    their_marks: bool = False
    folders: frozenset[str] = frozenset()


History = Callable[[Journey], Expected]
HISTORIES: dict[str, History] = {}
"""By what happens in them, in words."""
SMALL_KILOBYTES = 60
"""The quota of the new side in the histories of `WITH_QUOTA`."""
WITH_QUOTA: set[str] = set()


def history(name: str) -> Callable[[History], History]:
    def keep(function: History) -> History:
        HISTORIES[name] = function
        return function

    return keep


# -- the plain ones ---------------------------------------------------------------------------------------------------


@history("old side: new mail, a flag set, a keyword set")
def _follows(walk: Journey) -> Expected:
    walk.fill({"INBOX": "a b", "A": "c"})
    walk.run()
    walk.mark(walk.old, "INBOX", "a", "+", "\\Flagged")
    walk.mark(walk.old, "A", "c", "+", "$Work")
    walk.fill({"INBOX": "d"})
    return Expected({"INBOX": "a b d", "A": "c"}, {("INBOX", "a"): {"\\flagged"}, ("A", "c"): {"$work"}})


@history("old side: a message moved")
def _moved(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c"})
    walk.run()
    walk.move(walk.old, "A", "a", "B")
    return Expected({"A": "b", "B": "a c"})


@history("old side: a folder renamed")
def _renamed(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "INBOX": "c"})
    walk.run()
    walk.old.rename("A", "C")
    return Expected({"C": "a b", "INBOX": "c"})


@history("old side: a message deleted (the new side keeps it)")
def _deleted(walk: Journey) -> Expected:
    walk.fill({"INBOX": "a b c"})
    walk.run()
    walk.remove(walk.old, "INBOX", "a")
    return Expected({"INBOX": "a b c"}, dropped=frozenset("a"))


@history("member: deletes one, reads one")
def _deletes_and_reads(walk: Journey) -> Expected:
    walk.fill({"INBOX": "a b c"})
    walk.run()
    walk.remove(walk.new, "INBOX", "a")
    walk.mark(walk.new, "INBOX", "b", "+", "\\Seen")
    walk.fill({"INBOX": "d"})
    return Expected({"INBOX": "b c d"}, {("INBOX", "b"): {"\\seen"}}, gone=frozenset("a"), their_marks=True)


@history("member: files one in a folder of their own")
def _files(walk: Journey) -> Expected:
    walk.fill({"INBOX": "a b"})
    walk.run()
    walk.new.create("Mine")
    walk.move(walk.new, "INBOX", "a", "Mine")
    return Expected({"INBOX": "b", "Mine": "a"}, theirs=True)


# -- 1: what the member did on the new side is theirs -------------------------------------------------------------------


@history("member renames a folder; new mail in it")
def _renames_and_more_comes(walk: Journey) -> Expected:
    walk.fill({"F": "a b c", "INBOX": "d"})
    walk.run()
    walk.new.rename("F", "G")
    walk.fill({"F": "e"})
    return Expected({"G": "a b c e", "INBOX": "d"}, theirs=True)


@history("member renames a folder; the old side flags in it")
def _renames_and_flags_change(walk: Journey) -> Expected:
    walk.fill({"F": "a b c", "INBOX": "d"})
    walk.run()
    walk.new.rename("F", "G")
    walk.mark(walk.old, "F", "a", "+", "\\Flagged")
    return Expected({"G": "a b c", "INBOX": "d"}, {("G", "a"): {"\\flagged"}}, theirs=True)


@history("run killed as it reads back; member deletes one")
def _killed_then_deleted(walk: Journey) -> Expected:
    walk.fill({"INBOX": "a b c d"})
    walk.cut("new", lambda said: APPENDED in said and FETCHED in said.partition(APPENDED)[2], heard=False)
    if "a" in walk.there().get("INBOX", []):
        walk.remove(walk.new, "INBOX", "a")
        return Expected({"INBOX": "b c d"}, gone=frozenset("a"), theirs=True)
    return Expected({"INBOX": "a b c d"})


@history("run killed as it reads back; member reads one")
def _killed_then_read(walk: Journey) -> Expected:
    walk.fill({"INBOX": "a b c d"})
    walk.cut("new", lambda said: APPENDED in said and FETCHED in said.partition(APPENDED)[2], heard=False)
    if "a" in walk.there().get("INBOX", []):
        walk.mark(walk.new, "INBOX", "a", "+", "\\Seen")
        return Expected({"INBOX": "a b c d"}, {("INBOX", "a"): {"\\seen"}}, their_marks=True)
    return Expected({"INBOX": "a b c d"})


@history("old side sets \\Deleted and does not expunge")
def _marks_deleted(walk: Journey) -> Expected:
    walk.fill({"INBOX": "a b c"})
    walk.run()
    walk.mark(walk.old, "INBOX", "a", "+", "\\Deleted")
    return Expected({"INBOX": "a b c"})


@history("old side takes \\Deleted off")
def _unmarks_deleted(walk: Journey) -> Expected:
    walk.fill({"INBOX": "a b c"})
    walk.mark(walk.old, "INBOX", "a", "+", "\\Deleted")
    walk.run()
    walk.mark(walk.old, "INBOX", "a", "-", "\\Deleted")
    return Expected({"INBOX": "a b c"})


# -- 2: flags follow, however many runs were cut ------------------------------------------------------------------------


def _flags_after_a_cut(walk: Journey, *, by: int, before: bool) -> Expected:
    def mark() -> None:
        for folder, tag in (("INBOX", "a"), ("A", "c")):
            walk.mark(walk.old, folder, tag, "+", "\\Flagged")

    walk.fill({"INBOX": "a b", "A": "c"})
    if before:
        walk.run()
        mark()
    many = {folder: " ".join(f"{folder}{n}" for n in range(40)) for folder in ("INBOX", "A")}
    walk.fill(many, LARGE)
    walk.cut("new", has_appended(2), by=by)
    if not before:
        mark()
    return Expected(
        {"INBOX": "a b " + many["INBOX"], "A": "c " + many["A"]},
        {("INBOX", "a"): {"\\flagged"}, ("A", "c"): {"\\flagged"}},
    )


for _name, _by in (("killed", signal.SIGKILL), ("interrupted", signal.SIGINT)):
    HISTORIES[f"flags set before a run that is {_name}"] = partial(_flags_after_a_cut, by=_by, before=True)
    HISTORIES[f"flags set after a run that was {_name}"] = partial(_flags_after_a_cut, by=_by, before=False)


def _flags_and_no_room(walk: Journey, *, before: bool) -> Expected:
    walk.fill({"INBOX": "a b"})
    if before:
        walk.run()
        walk.mark(walk.old, "INBOX", "a", "+", "\\Flagged")
    walk.fill({"INBOX": "m n o p q"}, LARGE)
    walk.run()
    if not before:
        walk.mark(walk.old, "INBOX", "a", "+", "\\Flagged")
    walk.raise_quota()
    return Expected({"INBOX": "a b m n o p q"}, {("INBOX", "a"): {"\\flagged"}})


for _when in ("before", "after"):
    HISTORIES[f"flags set {_when} a run that finds no room; the quota is raised"] = partial(
        _flags_and_no_room, before=_when == "before"
    )
    WITH_QUOTA.add(f"flags set {_when} a run that finds no room; the quota is raised")


@history("flags set before a night on which a folder can't be opened")
def _closed_night(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c d"})
    walk.run()
    for folder, tag in (("A", "a"), ("B", "c")):
        walk.mark(walk.old, folder, tag, "+", "\\Flagged")
    walk.night_with_closed("B")
    return Expected({"A": "a b", "B": "c d"}, {("A", "a"): {"\\flagged"}, ("B", "c"): {"\\flagged"}})


# -- 3: a move is not there twice, whenever its two folders were looked at ----------------------------------------------


def _moved_between(walk: Journey, *, killed: bool, way: str) -> Expected:
    first, to = way.split()
    tag = f"{first}1"
    counts = {"A": 200, "C": 300, "B": 5}
    for folder, count in counts.items():
        walk.flood(folder, count)
    act = partial(walk.move, walk.old, first, tag, to)
    if killed:
        walk.cut("old", lambda said: b"X-Tag: C200\r" in said)
        act()
    else:
        walk.meanwhile("old", b"X-Tag: C200\r", act)
    there = {folder: {f"{folder}{n}" for n in range(count)} for folder, count in counts.items()}
    there[first].remove(tag)
    there[to].add(tag)
    return Expected({folder: " ".join(tags) for folder, tags in there.items()})


for _way in ("A B", "B A"):
    _spelt = _way.replace(" ", " to ")
    HISTORIES[f"a move {_spelt} while a run is at another folder"] = partial(_moved_between, killed=False, way=_way)
    HISTORIES[f"a move {_spelt} after a run killed at another folder"] = partial(_moved_between, killed=True, way=_way)


# -- 4: what is in doubt, and moved -------------------------------------------------------------------------------------


@history("run killed as it hears of the first APPEND; then the message is moved")
def _in_doubt_and_moved(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": ""})
    walk.cut("new", has_appended(), heard=False)
    walk.move(walk.old, "A", "a", "B")
    return Expected({"A": "b", "B": "a"})


@history("run killed as it hears of the first APPEND; then the folder is renamed")
def _in_doubt_and_renamed(walk: Journey) -> Expected:
    walk.fill({"A": "a b"})
    walk.cut("new", has_appended(), heard=False)
    walk.old.rename("A", "C")
    return Expected({"C": "a b"})


# -- 5: what the member removed does not come back by a move ------------------------------------------------------------


@history("member deletes one; the old side moves it")
def _deleted_and_moved(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c"})
    walk.run()
    walk.remove(walk.new, "A", "a")
    walk.move(walk.old, "A", "a", "B")
    return Expected({"A": "b", "B": "c"}, gone=frozenset("a"), theirs=True)


@history("member files one; the old side moves it elsewhere")
def _filed_and_moved(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c"})
    walk.run()
    walk.new.create("Mine")
    walk.move(walk.new, "A", "a", "Mine")
    walk.move(walk.old, "A", "a", "B")
    return Expected({"A": "b", "B": "c", "Mine": "a"}, theirs=True)


@history("a folder can't be opened one night; then one is moved and the member deletes it")
def _closed_then_moved_and_deleted(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c"})
    walk.run()
    walk.night_with_closed("A")
    walk.move(walk.old, "A", "a", "B")
    walk.remove(walk.new, "A", "a")
    return Expected({"A": "b", "B": "c"}, gone=frozenset("a"), theirs=True)


# -- 6: several moves ---------------------------------------------------------------------------------------------------


@history("two moves, the first in a run that is killed")
def _two_moves(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c", "C": "d"})
    walk.run()
    walk.move(walk.old, "A", "a", "B")
    walk.cut("new", has_appended())
    walk.move(walk.old, "B", "a", "C")
    return Expected({"A": "b", "B": "c", "C": "a d"})


@history("two moves, a run after each")
def _two_moves_in_two_runs(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c", "C": "d"})
    walk.run()
    walk.move(walk.old, "A", "a", "B")
    walk.run()
    walk.move(walk.old, "B", "a", "C")
    return Expected({"A": "b", "B": "c", "C": "a d"})


# -- 7 to 10 ------------------------------------------------------------------------------------------------------------


@history("old side deletes a folder that has one below it, after a move out of it")
def _deleted_above(walk: Journey) -> Expected:
    walk.fill({"P": "a b", "P/Q": "c", "B": "d"})
    walk.run()
    walk.move(walk.old, "P", "a", "B")
    walk.old.delete("P")
    return Expected({"P": "b", "P/Q": "c", "B": "a d"})


@history("state folder lost; nothing else happens")
def _state_lost(walk: Journey) -> Expected:
    walk.fill({"A": "a b c", "B": "d"})
    walk.run()
    walk.lose_state()
    return Expected({"A": "a b c", "B": "d"})


@history("state folder lost; then a flag and a move on the old side")
def _state_lost_then_changes(walk: Journey) -> Expected:
    walk.fill({"A": "a b c", "B": "d"})
    walk.run()
    walk.lose_state()
    walk.run()
    walk.mark(walk.old, "A", "a", "+", "\\Flagged", "$Work")
    walk.move(walk.old, "A", "b", "B")
    return Expected({"A": "a c", "B": "b d"}, {("A", "a"): {"\\flagged", "$work"}})


@history("run killed; then a new UIDVALIDITY on the old side")
def _new_uidvalidity(walk: Journey) -> Expected:
    tags = " ".join(f"m{n}" for n in range(30))
    walk.fill({"A": tags}, LARGE)
    walk.cut("new", has_appended())
    walk.reset_uidvalidity("A")
    return Expected({"A": tags})


@history("one was there before the first run; the member deletes it; the old side moves it")
def _already_there(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c"})
    walk.new.create("A")
    walk.new.append("A", letter("a"))
    walk.run()
    walk.remove(walk.new, "A", "a")
    walk.run()
    walk.move(walk.old, "A", "a", "B")
    return Expected({"A": "b", "B": "c"}, gone=frozenset("a"), theirs=True)


@history("the member deletes one; an equal one arrives on the old side")
def _equal_and_new(walk: Journey) -> Expected:
    walk.fill({"A": "a b"})
    walk.run()
    walk.remove(walk.new, "A", "a")
    walk.fill({"A": "a"})
    return Expected({"A": "a b"})


def _two_at_once(walk: Journey, *, same: bool) -> Expected:
    there = {"A": " ".join(f"m{n}" for n in range(40)), "B": " ".join(f"n{n}" for n in range(40))}
    walk.fill(there, 4_000)
    walk.two_at_once(walk.state if same else walk.tmp / "other")
    return Expected(there)


HISTORIES["two runs at once, one state folder"] = partial(_two_at_once, same=True)
HISTORIES["two runs at once, two state folders"] = partial(_two_at_once, same=False)


@history("both sides flag one; the old side takes it off")
def _both_mark(walk: Journey) -> Expected:
    walk.fill({"A": "a b"})
    walk.run()
    walk.mark(walk.new, "A", "a", "+", "\\Flagged")
    walk.mark(walk.old, "A", "a", "+", "\\Flagged")
    walk.run()
    walk.mark(walk.old, "A", "a", "-", "\\Flagged")
    return Expected({"A": "a b"}, {("A", "a"): {"\\flagged"}}, their_marks=True)


@history("member deletes a whole folder")
def _deletes_folder(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c"})
    walk.run()
    walk.new.delete("A")
    return Expected({"B": "c"}, gone=frozenset("ab"), theirs=True, folders=frozenset("A"))


@history("member deletes a whole folder; new mail in it")
def _deletes_folder_and_more_comes(walk: Journey) -> Expected:
    walk.fill({"A": "a b", "B": "c"})
    walk.run()
    walk.new.delete("A")
    walk.fill({"A": "d"})
    return Expected({"A": "d", "B": "c"}, gone=frozenset("ab"), theirs=True)
