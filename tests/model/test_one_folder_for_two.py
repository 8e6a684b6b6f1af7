"""Two folders of the old side that have one folder of the target, by what somebody did or by nobody's doing: no copy makes way for itself, and none stands for two."""

import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from model.history import APPENDED, Move, every
from model.person import Person
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot
from support.lesser import Without
from support.runner import Runner

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.xdist_group("model-one-folder")]

CYRUS = pytest.param("cyrus", marks=pytest.mark.needs("cyrus"))
"""It tells MAILBOXID; Dovecot 2.3 does not."""


@pytest.fixture(params=["dovecot", CYRUS])
def either(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    runner: Runner,
    old_server: PrivateDovecot,
    new_server: PrivateDovecot,
) -> Iterator[Move]:
    user = f"u{zlib.crc32(request.node.nodeid.encode())}"
    with ExitStack() as stack:
        target = stack.enter_context(PrivateCyrus([user])) if request.param == "cyrus" else new_server
        found = Move(tmp_path, runner, old_server, target, user)
        for each in (found.old, found.new, *found.proxies.values()):
            stack.enter_context(each)
        yield found


def runs_leave(move: Move, there: dict[str, str], *more: str, runs: int = 2) -> None:
    for _ in range(runs):
        move.run(*more)
        assert move.there() == there


def as_on_the_old_side(move: Move) -> dict[str, str]:
    read = {name: " ".join(sorted(m.tag for m in shelf.messages)) for name, shelf in move.old.read().items()}
    return {name: tags for name, tags in read.items() if tags}


def rename_alike(move: Move, name: str, to: str) -> None:
    for side in (move.old, move.new):
        side.rename(name, to)


@pytest.mark.parametrize("verify", ["delivered", "full"])
def test_one_that_was_renamed_alike_on_both_sides_stays_as_it_is(either: Move, verify: str) -> None:
    move = either
    move.fill({"F": "a b c", "F/G": "d", "INBOX": "i"})
    move.run("--verify", verify)
    rename_alike(move, "F", "H")
    for side in (move.old, move.new):
        if "F/G" in side.folders():  # Dovecot renames what lies in it as well
            side.rename("F/G", "H/G")
    runs_leave(move, {"H": "a b c", "H/G": "d", "INBOX": "i"}, "--verify", verify)
    move.mark(move.old, "H", "a", "+", "\\Flagged")
    move.move(move.old, "H", "b", "INBOX")
    move.fill({"H": "e"})
    runs_leave(move, {"H": "a c e", "H/G": "d", "INBOX": "b i"})
    assert move.flags("H", "a") == {"\\flagged"}


@pytest.mark.parametrize(
    ("before", "first", "after", "later", "name"),
    [
        ("A", ("--rename", "A=B"), "B", (), "B"),
        ("A", ("--prefix", "P"), "P/A", (), "P/A"),
        ("Old", (), "New", ("--rename", "New=Old"), "Old"),
    ],
    ids=["named so by --rename before", "put there by --prefix before", "kept where it was by --rename"],
)
def test_one_that_comes_to_where_it_lies_on_the_target_stays_as_it_is(
    either: Move, before: str, first: tuple[str, ...], after: str, later: tuple[str, ...], name: str
) -> None:
    """Nobody does anything on the new side."""
    move = either
    move.fill({before: "a b c", "INBOX": "i"})
    move.run(*first)
    assert move.there() == {name: "a b c", "INBOX": "i"}
    if "/" in after:
        move.old.create(after.partition("/")[0])
    move.old.rename(before, after)
    runs_leave(move, {name: "a b c", "INBOX": "i"}, *later)


def test_one_that_both_sides_deleted_and_gave_the_name_to_another_stays_as_it_is(either: Move) -> None:
    move = either
    move.fill({"A": "a b", "B": "x", "INBOX": "i"})
    move.run()
    for side in (move.old, move.new):
        side.delete("B")
        side.rename("A", "B")
    runs_leave(move, {"B": "a b", "INBOX": "i"})


def test_what_moves_to_a_folder_that_the_member_gave_the_name_of_another_is_not_lost(either: Move) -> None:
    """By MAILBOXID it is seen that the one is gone, and the other has its name."""
    move = either
    move.fill({"A": "a", "B": "x y", "INBOX": "i"})
    move.run()
    move.new.delete("A")
    move.new.rename("B", "A")
    move.run()
    move.move(move.old, "B", "x", "A")
    for _ in range(2):
        move.run()
        assert "x" in " ".join(move.there().values()).split()
        assert "y" in move.there()["A"].split()


def test_a_copy_of_a_folder_whose_name_another_has_is_not_taken_for_that_one_s(either: Move) -> None:
    """x of A lies in what is B now, and B's own is gone with it."""
    move = either
    move.fill({"A": "x a", "B": "x b", "D": "d"})
    move.run()
    move.new.delete("B")
    move.new.rename("A", "B")
    move.move(move.old, "B", "x", "D")
    runs_leave(move, {"B": "a x", "D": "d"})


def test_no_other_is_put_into_the_folder_of_one_that_is_not_in_this_run(either: Move) -> None:
    move = either
    move.fill({"A": "a both", "B": "b both"})
    move.run("--folder", "A")
    move.new.rename("A", "B")
    runs_leave(move, {"B": "a both", "B (2)": "b both"}, "--folder", "B")
    move.move(move.old, "A", "a", "B")
    runs_leave(move, {"B": "both", "B (2)": "a b both"})


@pytest.mark.parametrize("away", ["left out", "renamed for a night"])
def test_a_name_that_somebody_chose_stays_the_folder_s_that_has_it(either: Move, away: str) -> None:
    move, chosen = either, ("--rename", "Out=Sent")
    move.fill({"Out": "a b", "INBOX": "i"})
    move.run(*chosen)
    move.fill({"Sent": "c"})
    if away == "left out":
        move.run(*chosen, "--without-folder", "Out")
    else:
        move.old.rename("Out", "Elsewhere")
        move.run(*chosen, "--without-folder", "Elsewhere")
        move.old.rename("Elsewhere", "Out")
    move.mark(move.old, "Out", "a", "+", "\\Flagged")
    move.fill({"Out": "d"})
    runs_leave(move, {"Sent": "a b d", "Sent (2)": "c", "INBOX": "i"}, *chosen)
    assert move.flags("Sent", "a") == {"\\flagged"}


def test_without_uidplus_nothing_is_named_a_copy_too_many(move: Move) -> None:
    for proxy in move.proxies.values():
        proxy.faults.lesser = Without("UIDPLUS")
    move.fill({"F": "a b c", "INBOX": "i"})
    move.run()
    rename_alike(move, "F", "G")
    runs_leave(move, {"G": "a b c", "INBOX": "i"}, runs=3)


def test_of_a_folder_that_is_listed_under_two_names_nothing_makes_way(
    tmp_path: Path, runner: Runner, old_server: PrivateDovecot
) -> None:
    """A link in the file system; nothing but the messages tells that the two are one."""
    with ExitStack() as stack:
        target = stack.enter_context(PrivateDovecot(tmp_path, format="maildir"))
        with Person(target.port, "linked") as member:
            member.create("A")
        (tmp_path / "mail/linked/Maildir/.B").symlink_to(".A", target_is_directory=True)
        move = Move(tmp_path, runner, old_server, target, "linked")
        for each in (move.old, move.new, *move.proxies.values()):
            stack.enter_context(each)
        move.fill({"A": "a b", "B": "c d"})
        assert {"A", "B"} <= set(move.new.folders())
        move.run()
        assert move.there()["A"] == move.there()["B"] == "a b c d"
        move.move(move.old, "A", "b", "B")
        for _ in range(2):
            move.run()
            assert move.there()["A"] == move.there()["B"] == "a b c d"
            assert set() in move.new.marks("A")
            assert all("\\Deleted" not in marks for marks in move.new.marks("A"))


@pytest.mark.needs("cyrus")
@pytest.mark.parametrize("what", ["two names are exchanged", "a new one has the name"])
def test_a_folder_is_followed_by_mailboxid_where_no_name_is_missing(to_cyrus: Move, what: str) -> None:
    move = to_cyrus
    names = {name: f"{name} {what[:3]}" for name in "ABD"}  # the old side keeps its folders from test to test
    a, b, d = names.values()
    move.fill({a: "a", b: "b", d: "d"})
    move.run()
    move.new.rename(a, "T")
    if what.startswith("two"):
        move.new.rename(b, a)
        move.new.rename("T", b)
    else:
        move.new.create(a)
    place = b if what.startswith("two") else "T"
    move.mark(move.old, a, "a", "+", "\\Flagged")
    move.fill({a: "e"})
    for _ in range(2):
        move.run()
        assert move.flags(place, "a") == {"\\flagged"}
        assert "e" in move.there()[place].split()
    move.move(move.old, a, "a", d)
    move.run()
    assert move.there()[d] == "a d"


def test_of_equal_messages_none_makes_way_for_one_that_the_member_moved(move: Move) -> None:
    """A's was moved by the member to where both are now on the old side; C's is still in its place."""
    move.fill({"A": "m", "B": "b", "C": "m"})
    move.run()
    move.move(move.new, "A", "m", "B")
    move.move(move.old, "A", "m", "B")
    move.move(move.old, "C", "m", "B")
    runs_leave(move, {"B": "b m m"})


@pytest.mark.parametrize("deed", ["deletes the later copy", "moves the later copy", "deletes the later folder"])
def test_our_mark_goes_from_what_a_killed_run_was_about_to_remove(move: Move, deed: str) -> None:
    r"""It was killed between STORE and UID EXPUNGE: the next program that expunges would take what is the last copy since."""
    move.fill({"F": "a x", "A": "p", "B": "q"})
    move.run()
    move.move(move.old, "F", "a", "A")
    move.cut("new", lambda said: b"FLAGS (\\Deleted)" in said.rpartition(APPENDED)[2])
    assert {"\\Deleted"} in move.new.marks("F")
    if deed.startswith("deletes the later copy"):
        move.remove(move.new, "A", "a")
    elif deed.startswith("moves"):
        move.move(move.new, "A", "a", "B")
    else:
        move.new.delete("A")
    for _ in range(2):
        move.run()
        assert all("\\Deleted" not in marks for name in ("F", "B") for marks in move.new.marks(name))


@pytest.mark.parametrize("when", ["before", "after"])
def test_flags_of_what_stayed_follow_and_it_moves_on_as_one(either: Move, when: str) -> None:
    """It was marked on the old side the same night, before it was renamed or after it: its copy is ours as before."""
    move = either
    move.fill({"F": "a b", "INBOX": "i"})
    move.run()
    move.mark(move.new, "F", "b", "+", "\\Answered")
    if when == "before":
        move.mark(move.old, "F", "a", "+", "\\Flagged")
    rename_alike(move, "F", "H")
    if when == "after":
        move.mark(move.old, "H", "a", "+", "\\Flagged")
    move.run()
    assert move.flags("H", "a") == {"\\flagged"}
    move.mark(move.old, "H", "b", "+", "\\Flagged")
    move.move(move.old, "H", "a", "INBOX")
    runs_leave(move, {"H": "b", "INBOX": "a i"})
    assert move.flags("H", "b") == {"\\answered"}


def test_it_is_found_again_under_the_next_name_that_the_member_gives_it(either: Move) -> None:
    """Two folders of the old side, of which one is gone, have it by then."""
    move = either
    move.fill({"F": "a b", "INBOX": "i"})
    move.run()
    rename_alike(move, "F", "H")
    move.run()
    move.new.rename("H", "K")
    move.run()
    for letter, before, name, there in (("c", "K", "K", "a b c"), ("d", "K", "L", "a b c d")):
        if before != name:
            move.new.rename(before, name)
        move.fill({"H": letter})
        runs_leave(move, {name: there, "INBOX": "i"})


def test_a_folder_that_gets_the_first_name_again_is_one_of_its_own(either: Move) -> None:
    """Nobody on the new side knows it; what had this name before has another on both."""
    move = either
    move.fill({"F": "a b", "INBOX": "i"})
    move.run()
    rename_alike(move, "F", "H")
    move.run()
    move.fill({"F": "c", "H": "d"})
    move.mark(move.old, "H", "a", "+", "\\Flagged")
    runs_leave(move, {"F": "c", "H": "a b d", "INBOX": "i"})
    assert move.flags("H", "a") == {"\\flagged"}
    move.move(move.old, "H", "b", "F")
    runs_leave(move, {"F": "b c", "H": "a d", "INBOX": "i"})


def test_one_that_is_renamed_back_on_both_sides_stays_as_it_is(either: Move) -> None:
    move = either
    move.fill({"F": "a b", "INBOX": "i"})
    move.run()
    for name, to in (("F", "H"), ("H", "F")):
        for side in (move.old, move.new):
            side.rename(name, to)
        runs_leave(move, {to: "a b", "INBOX": "i"})
    move.mark(move.old, "F", "a", "+", "\\Flagged")
    move.move(move.old, "F", "b", "INBOX")
    runs_leave(move, {"F": "a", "INBOX": "b i"})
    assert move.flags("F", "a") == {"\\flagged"}


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("what", ["two are exchanged", "the next year begins", "each gets the name before it"])
def test_where_both_sides_do_the_same_with_names_nothing_moves(either: Move, what: str, marked: bool) -> None:
    """By MAILBOXID a folder is found under its new name; the old side's of that name is another one as well by then."""
    move = either
    move.fill({"A": "a b", "B": "c d", "C": "e", "INBOX": "i"})
    move.run()
    for side in (move.old, move.new):
        if what.startswith("two"):
            names = [("A", "T"), ("B", "A"), ("T", "B")]
        elif what.startswith("the next"):
            names = [("A", "A 2025")]
        else:
            names = [("B", "E"), ("A", "B")]
        for name, to in names:
            side.rename(name, to)
        if what.startswith("the next"):
            side.create("A")
    there = move.there()
    if marked:
        for name, tags in there.items():
            for tag in tags.split():
                move.mark(move.new, name, tag, "+", "\\Seen")
    runs_leave(move, there)
    move.fill({"B": "f"})
    there["B"] = " ".join(sorted([*there["B"].split(), "f"]))
    if what.startswith("the next"):
        move.fill({"A": "g"})
        there["A"] = "g"
    runs_leave(move, there)
    assert set(move.new.folders()) - {"T"} == set(move.old.folders())


def test_a_new_equal_message_is_delivered_though_another_was_moved_by_the_member(either: Move) -> None:
    """The folder that it came to is the larger one, and comes first."""
    move = either
    move.fill({"B": "m", "C": "", "X": ""})
    move.run()
    move.move(move.new, "B", "m", "X")
    move.move(move.old, "B", "m", "X")
    move.fill({"C": "m p q r"})
    runs_leave(move, {"C": "m p q r", "X": "m"})


def test_of_two_equal_ones_each_side_moves_another(either: Move) -> None:
    move = either
    move.fill({"A": "", "B": "m m"})
    move.run()
    first, second = move.old.uids("B", "m")
    move.old.move("B", [first], "A")
    move.new.move("B", [move.new.uids("B", "m")[1]], "A")
    runs_leave(move, {"A": "m", "B": "m"})
    move.mark(move.old, "B", "m", "+", "\\Flagged")
    move.run()
    assert move.flags("B", "m") == {"\\flagged"}
    assert second > first


@pytest.mark.parametrize("both", [False, True], ids=["on the old side", "on both"])
def test_flags_that_changed_while_a_folder_had_another_name_follow(either: Move, both: bool) -> None:
    move = either
    move.fill({"F": "a b c", "INBOX": "i"})
    move.run()
    sides = (move.old, move.new) if both else (move.old,)
    for side in sides:
        side.rename("F", "H")
    move.mark(move.old, "H", "a", "+", "\\Flagged")
    move.run(*(() if both else ("--without-folder", "H")))
    move.mark(move.old, "H", "b", "+", "\\Answered")
    for side in sides:
        side.rename("H", "F")
    move.mark(move.old, "F", "c", "+", "\\Seen")
    for _ in range(2):
        move.run()
        found = [move.flags("F", tag) for tag in "abc"]
        assert found == [{"\\flagged"}, {"\\answered"}, {"\\seen"}]
    move.move(move.old, "F", "a", "INBOX")
    runs_leave(move, {"F": "b c", "INBOX": "a i"})


@pytest.mark.parametrize("others", ["both sides", "the old side, where the member has one of that name"])
def test_what_moved_or_was_marked_before_the_name_went_to_another_follows_still(either: Move, others: str) -> None:
    """The next year begins on a day on which somebody works: the copies lie where they lay, though what comes next goes elsewhere."""
    move = either
    move.fill({"A": "a b c", "D": "d", "INBOX": "i"})
    move.run()
    place = "A 2025"
    if others != "both sides":
        place = "T"
        move.new.rename("A", "T")
        move.fill({"A": "x"})
        move.run()
        move.new.create("A")
        move.run()
    move.move(move.old, "A", "a", "D")
    move.mark(move.old, "A", "b", "+", "\\Flagged")
    for side in (move.old, move.new) if others == "both sides" else (move.old,):
        side.rename("A", "A 2025")
        side.create("A")
    move.fill({"A": "e"})
    there = {"A": "e", "A 2025": "b c" if place == "A 2025" else "b c x", "D": "a d", "INBOX": "i"}
    runs_leave(move, there)
    assert move.flags("A 2025", "b") == {"\\flagged"}
    move.move(move.old, "A 2025", "c", "A")
    there |= {"A": "c e", "A 2025": there["A 2025"].replace(" c", "")}
    runs_leave(move, there)


def test_a_copy_that_the_member_made_is_not_taken_for_ours_in_what_has_the_old_name(either: Move) -> None:
    """It lies in their own folder, to which what comes next goes; ours lies in the one that they renamed, and makes way."""
    move = either
    move.fill({"A": "a b", "INBOX": "i"})
    move.run()
    move.new.rename("A", "T")
    move.fill({"A": "c"})
    move.run()
    move.new.create("A")
    for tag in "abc":
        move.new.copy("T", move.new.uids("T", tag), "A")
    move.run()
    move.old.rename("A", "D")
    move.old.create("A")
    move.fill({"A": "e"})
    runs_leave(move, {"A": "a b c e", "D": "a b c", "INBOX": "i"})


def test_what_was_put_into_a_folder_stays_its_own_where_another_is_called_so(either: Move) -> None:
    """Both sides call C “Y”; then the member calls it C again, and the old side makes another C."""
    move = either
    move.fill({"C": "a b", "INBOX": "i"})
    move.run()
    rename_alike(move, "C", "Y")
    move.run()
    move.new.rename("Y", "C")
    move.fill({"C": "e", "Y": "g"})
    move.mark(move.old, "Y", "b", "+", "\\Flagged")
    for _ in range(2):
        move.run()
        there = move.there()
        assert there["C"] == "a b g"
        assert every(there) == Counter("abgei")
    assert move.flags("C", "b") == {"\\flagged"}


def exchange(who: Person, one: str, other: str) -> None:
    for name, to in ((one, "T"), (other, one), ("T", other)):
        who.rename(name, to)


@pytest.mark.parametrize(
    "what", ["the next year", "the next year on the old side", "two are exchanged", "another gets it"]
)
@pytest.mark.parametrize("deed", ["moves back", "is copied back", "moves there from beside an equal one"])
def test_an_equal_message_in_what_has_the_name_now_is_one_of_its_own(either: Move, what: str, deed: str) -> None:
    """It is not the one that the folder of this name had before, whose copy lies elsewhere: nothing of it is lost, or taken for removed."""
    move = either
    beside = deed.endswith("an equal one")
    move.fill({"A": "a m" if beside else "a", "B": "b m", "C": "c", "INBOX": "i"})
    move.run()
    if what.startswith("two"):
        exchange(move.old, "B", "C")
        exchange(move.new, "B", "C")
        now = "C"
    else:
        rename_alike(move, "B", "E")
        now = "E"
        if what.startswith("another"):
            rename_alike(move, "C", "B")
        else:
            move.old.create("B")
            if what == "the next year":
                move.new.create("B")
    if beside:
        move.move(move.old, "A", "m", "B")
    elif deed == "moves back":
        move.move(move.old, now, "m", "B")
    else:
        move.old.copy(now, move.old.uids(now, "m"), "B")
    runs_leave(move, as_on_the_old_side(move))


@pytest.mark.parametrize("what", ["the next year", "two are exchanged"])
@pytest.mark.parametrize("removed", [False, True], ids=["", "and the later copy is removed"])
def test_our_mark_goes_where_the_folder_has_another_name_and_its_name_another_folder(
    either: Move, what: str, removed: bool
) -> None:
    move = either
    move.fill({"F": "a x", "A": "p", "B": "q"})
    move.run()
    move.move(move.old, "F", "a", "A")
    move.cut("new", lambda said: b"FLAGS (\\Deleted)" in said.rpartition(APPENDED)[2])
    for side in (move.old, move.new):
        if what.startswith("two"):
            exchange(side, "F", "B")
        else:
            side.rename("F", "E")
            side.create("F")
    if removed:
        move.remove(move.new, "A", "a")
    for _ in range(2):
        move.run()
        assert all("\\Deleted" not in marks for name in move.there() for marks in move.new.marks(name))
    there = every(move.there())
    assert there == Counter("axpq")
    assert ("a" in move.there()["A"]) != removed


def test_where_the_old_side_gives_a_folder_other_uids_it_stays_where_the_member_named_it(either: Move) -> None:
    """They have another folder of its first name. It is the same folder as before: what is in it was not made anew."""
    move = either
    move.fill({"A": "a b", "INBOX": "i"})
    move.run()
    move.new.rename("A", "T")
    move.fill({"A": "c"})
    move.run()
    move.new.create("A")
    move.old.delete("A")
    move.fill({"A": "a b c d"})
    move.mark(move.old, "A", "b", "+", "\\Flagged")
    runs_leave(move, {"T": "a b c d", "INBOX": "i"})
    assert move.flags("T", "b") == {"\\flagged"}


@pytest.mark.needs("cyrus")
@pytest.mark.parametrize("copied", [False, True], ids=["an empty one", "one with copies"])
@pytest.mark.parametrize("deed", ["comes", "moves", "is marked"])
def test_a_folder_that_gives_its_name_to_another_during_a_run_is_followed_by_mailboxid(
    to_cyrus: Move, deed: str, copied: bool
) -> None:
    move = to_cyrus
    name, away = f"A {deed} {copied:d}", f"D {deed} {copied:d}"  # the old side keeps its folders from test to test
    move.fill({name: "a b", away: "d"})
    move.run()

    def act() -> None:
        move.new.rename(name, "T")
        move.new.create(name)
        if copied:
            move.new.copy("T", [*move.new.uids("T", "a"), *move.new.uids("T", "b")], name)

    if deed == "comes":
        move.fill({name: "f"})
    elif deed == "moves":
        move.move(move.old, name, "a", away)
    else:
        move.mark(move.old, name, "a", "+", "\\Flagged")
    move.meanwhile("new", b"MAILBOXID (", act)
    for _ in range(2):
        there = move.there()
        assert there["T"] == {"comes": "a b f", "moves": "b", "is marked": "a b"}[deed]
        assert there[away] == ("a d" if deed == "moves" else "d")
        assert there.get(name, "") == ("a b" if copied else "")
        assert deed != "is marked" or move.flags("T", "a") == {"\\flagged"}
        move.run()


@pytest.mark.needs("cyrus")
@pytest.mark.parametrize("what", ["two are exchanged", "each gets the next one's"])
def test_folders_that_exchange_their_names_during_a_run_are_followed_by_mailboxid(to_cyrus: Move, what: str) -> None:
    move = to_cyrus
    names = [f"{name} in a run, {what[:3]}" for name in "ABC"]  # the old side keeps its folders from test to test
    a, b, c = names
    move.fill({a: "a a'", b: "b b'", c: "c"})
    move.run()

    def act() -> None:
        if what.startswith("two"):
            exchange(move.new, a, b)
        else:
            for name, to in ((a, "T"), (b, a), (c, b), ("T", c)):
                move.new.rename(name, to)

    move.fill({a: "n", b: "m"})
    move.move(move.old, b, "b'", c)
    move.meanwhile("new", b"* STATUS", act)
    place = {a: b, b: a, c: c} if what.startswith("two") else {a: c, b: a, c: b}
    for _ in range(2):
        there = move.there()
        assert [there[place[name]] for name in names] == ["a a' n", "b m", "b' c"]
        move.run()


@pytest.mark.parametrize("what", ["the next year", "two are exchanged"])
@pytest.mark.parametrize("to", ["there", "elsewhere"])
@pytest.mark.parametrize("cut", ["a batch", "flags"])
def test_what_a_killed_run_left_in_doubt_is_known_where_it_lies(either: Move, cut: str, what: str, to: str) -> None:
    """The target took it, and nobody heard so; then its folder's name goes to another, and the message moves there or elsewhere."""
    move = either
    move.fill({"A": "a x", "B": "b", "C": "c"})
    move.run()
    if cut == "a batch":
        move.fill({"A": "d"})
        move.cut("new", lambda said: APPENDED in said, heard=False)
        tag = "d"
    else:
        move.mark(move.old, "A", "a", "+", "\\Flagged")
        move.cut("new", lambda said: b"FLAGS (\\Flagged" in said.rpartition(b"EXISTS")[2], heard=False)
        tag = "a"
    for side in (move.old, move.new):
        if what.startswith("two"):
            exchange(side, "A", "B")
        else:
            side.rename("A", "E")
            side.create("A")
    move.move(move.old, "B" if what.startswith("two") else "E", tag, "A" if to == "there" else "C")
    runs_leave(move, as_on_the_old_side(move), runs=3)


@pytest.mark.parametrize("held", ["", "a"], ids=["nothing", "one that is deleted"])
def test_what_comes_to_a_folder_made_anew_goes_there_though_the_former_one_is_gone(either: Move, held: str) -> None:
    """Both sides call it “E” and make another of its name; then the old side deletes E."""
    move = either
    move.fill({"A": held, "INBOX": "i"})
    move.run()
    rename_alike(move, "A", "E")
    for side in (move.old, move.new):
        side.create("A")
    move.old.delete("E")
    move.run()
    move.fill({"A": "b"})
    runs_leave(move, {"A": "b", "INBOX": "i"} | ({"E": held} if held else {}))
