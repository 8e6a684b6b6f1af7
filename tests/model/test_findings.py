"""Histories in which a later run once did the wrong thing, each as it must go (`docs/later-runs.md`)."""

import re
import shutil
import signal
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from model.history import APPENDED, FETCHED, LARGE, Move, every, said
from model.letters import letter
from model.person import Person
from support.command import environment
from support.dovecot import PrivateDovecot
from support.lesser import Without
from support.runner import Runner

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.xdist_group("model-findings")]

# 1: what the member did on the new side is theirs, and no fault


@pytest.mark.parametrize("also", ["adds", "flags"])
def test_a_folder_that_the_member_renamed_is_not_sent_again(move: Move, also: str) -> None:
    move.fill({"F": "a b c", "INBOX": "d"})
    move.run()
    move.new.rename("F", "G")
    if also == "adds":
        move.fill({"F": "e"})
    else:
        move.mark(move.old, "F", "a", "+", "\\Flagged")
    for _ in range(2):
        move.run()
        assert move.there() == {"G": "a b c e" if also == "adds" else "a b c", "INBOX": "d"}
    if also == "flags":
        assert move.flags("G", "a") == {"\\flagged"}


def test_what_the_member_deleted_and_read_is_theirs_when_everything_is_read_back(move: Move) -> None:
    move.fill({"INBOX": "a b c"})
    move.run()
    move.remove(move.new, "INBOX", "a")
    move.mark(move.new, "INBOX", "b", "+", "\\Seen")
    move.fill({"INBOX": "d"})
    for _ in range(2):
        move.run("--verify", "full")
        assert move.there() == {"INBOX": "b c d"}
        assert move.flags("INBOX", "b") == {"\\seen"}


def test_what_the_member_deleted_before_it_was_ever_read_back_is_theirs(move: Move) -> None:
    move.fill({"INBOX": "a b c"})
    move.run("--verify", "none")
    move.remove(move.new, "INBOX", "a")
    for _ in range(2):
        move.run("--verify", "delivered")
        assert move.there() == {"INBOX": "b c"}


def test_what_lay_in_a_folder_that_the_member_deleted_is_theirs_when_it_is_made_again(move: Move) -> None:
    """Nothing was read back, but the target had told where each lay."""
    move.fill({"F": "a b", "INBOX": "c"})
    move.run("--verify", "none")
    move.new.delete("F")
    move.fill({"F": "d"})
    for _ in range(2):
        move.run("--verify", "none")
        assert move.there() == {"F": "d", "INBOX": "c"}


@pytest.mark.parametrize("deed", ["deletes", "reads"])
def test_what_the_member_did_after_a_run_that_was_killed_before_reading_back_is_theirs(move: Move, deed: str) -> None:
    move.fill({"INBOX": "a b c d"})
    move.cut("new", lambda said: APPENDED in said and FETCHED in said.partition(APPENDED)[2], heard=False)
    assert move.there() == {"INBOX": "a b c d"}
    if deed == "deletes":
        move.remove(move.new, "INBOX", "a")
    else:
        move.mark(move.new, "INBOX", "a", "+", "\\Seen")
    for _ in range(2):
        move.run()
        assert move.there() == {"INBOX": "b c d" if deed == "deletes" else "a b c d"}


@pytest.mark.parametrize("change", ["+", "-"])
def test_deleted_set_or_unset_on_the_old_side_is_no_difference(move: Move, change: str) -> None:
    move.fill({"INBOX": "a b c"})
    if change == "-":
        move.mark(move.old, "INBOX", "a", "+", "\\Deleted")
    move.run()
    move.mark(move.old, "INBOX", "a", change, "\\Deleted")
    for _ in range(2):
        move.run("--verify", "full")
        assert move.there() == {"INBOX": "a b c"}


def test_a_deletion_that_the_old_side_took_back_is_taken_back_on_its_copy_but_not_the_member_s_own(move: Move) -> None:
    move.fill({"INBOX": "a b"})
    move.mark(move.old, "INBOX", "a", "+", "\\Deleted")
    move.run()
    move.mark(move.new, "INBOX", "b", "+", "\\Deleted")
    move.mark(move.old, "INBOX", "a", "-", "\\Deleted")
    move.mark(move.old, "INBOX", "b", "+", "\\Flagged")
    for _ in range(2):
        move.run()
        assert move.new.marks("INBOX") == [set(), {"\\Deleted", "\\Flagged"}]


def test_a_folder_of_a_killed_run_that_the_member_renamed_is_not_made_again(move: Move) -> None:
    """Nothing was delivered to F yet when the run was killed, but it was made."""
    move.fill({"A": "a b", "F": "c"})
    move.cut("new", lambda said: APPENDED in said, "--connections", "1")
    assert "c" not in every(move.there())
    move.new.rename("F", "G")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b", "G": "c"}
        assert move.new.folders() == ["A", "G", "INBOX"]


@pytest.mark.needs("cyrus")
def test_folders_with_one_uidvalidity_are_known_by_their_mailboxid(to_cyrus: Move) -> None:
    """Cyrus gives all folders that are made in one second the same UIDVALIDITY. Here two change places, and one moves with the folder below it."""
    move = to_cyrus
    move.fill({"A": "a", "B": "b", "P": "p", "P/Q": "q"})
    move.run()
    assert len({shelf.uidvalidity for shelf in move.new.read().values()}) < 5
    for name, to in (("A", "C"), ("B", "A"), ("C", "B"), ("P", "Z")):
        move.new.rename(name, to)
    for folder in ("A", "B", "P", "P/Q"):
        move.mark(move.old, folder, folder[-1].lower(), "+", "\\Flagged")
        move.fill({folder: f"{folder[-1].lower()}2"})
    for _ in range(2):
        move.run()
        assert move.there() == {"B": "a a2", "A": "b b2", "Z": "p p2", "Z/Q": "q q2"}
        assert [move.flags(*where) for where in (("B", "a"), ("A", "b"), ("Z", "p"), ("Z/Q", "q"))] == [
            {"\\flagged"}
        ] * 4


# 2: flags of the old side follow, however many runs were cut in between


@pytest.mark.parametrize("marked", ["before the cut", "after it"])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_flags_follow_after_a_run_that_was_cut(move: Move, by: int, marked: str) -> None:
    def mark() -> None:
        for folder, tag in (("INBOX", "a"), ("A", "c")):
            move.mark(move.old, folder, tag, "+", "\\Flagged")

    move.fill({"INBOX": "a b", "A": "c"})
    if marked == "before the cut":
        move.run()
        mark()
    move.fill({folder: " ".join(f"{folder}{n}" for n in range(40)) for folder in ("INBOX", "A")}, LARGE)
    move.cut("new", lambda said: said.count(APPENDED) > 1, "--connections", "1", by=by)
    if marked == "after it":
        mark()
    move.run()
    assert set(every(move.there()).values()) == {1}
    assert move.flags("INBOX", "a") == move.flags("A", "c") == {"\\flagged"}


def test_what_is_in_flight_when_the_user_stops_a_run_is_heard_and_does_not_come_back(move: Move) -> None:
    """Three batches are on their way; the member deletes what has come before the next run."""
    move.flood("F", 1_500)
    move.cut("new", lambda said: APPENDED in said, "--connections", "1", by=signal.SIGINT)
    taken = every(move.there())
    assert 100 < len(taken) < 1_500
    move.new.remove("F", [m.uid for m in move.new.read_folder("F").messages])
    move.run()
    assert not every(move.there()) & taken


@pytest.mark.parametrize("marked", ["before the room ended", "after"])
def test_flags_follow_after_a_run_that_found_no_room(tmp_path: Path, runner: Runner, old_server, marked: str) -> None:
    with ExitStack() as stack:
        small = PrivateDovecot(tmp_path / "small", quota_kilobytes=60).start()
        stack.callback(small.stop)
        move = Move(tmp_path, runner, old_server, small, f"quota-{marked.split()[0]}")
        for each in (move.old, *move.proxies.values()):
            stack.enter_context(each)
        move.fill({"INBOX": "a b"})
        if marked != "after":
            move.run()
            move.mark(move.old, "INBOX", "a", "+", "\\Flagged")
        move.fill({"INBOX": "m n o p q"}, LARGE)
        assert move.run(status=1)["stopped"]
        move.new.close()
        if marked == "after":
            move.mark(move.old, "INBOX", "a", "+", "\\Flagged")
        small.stop()
        small.quota_kilobytes = 0
        small.start()
        with Person(small.port, move.user) as move.new:
            move.run()
            assert move.there() == {"INBOX": "a b m n o p q"}
            assert move.flags("INBOX", "a") == {"\\flagged"}


def test_what_moved_on_a_full_target_makes_the_room_that_the_rest_needs(
    tmp_path: Path, runner: Runner, old_server
) -> None:
    """There is room for one message beside those that are there, and three moved."""
    with ExitStack() as stack:
        small = stack.enter_context(PrivateDovecot(tmp_path / "small", format="sdbox", quota_kilobytes=90))
        move = Move(tmp_path, runner, old_server, small, "full-moves")
        for each in (move.old, move.new, *move.proxies.values()):
            stack.enter_context(each)
        move.fill({"INBOX": "a b c"}, LARGE)
        move.run()
        move.old.create("B")
        for tag in "abc":
            move.move(move.old, "INBOX", tag, "B")
        move.run()
        assert move.there() == {"B": "a b c"}
        move.fill({"C": "d e"}, LARGE)  # and of these one finds no room
        assert move.run(status=1)["stopped"]
        assert every(move.there()) in (Counter("abcd"), Counter("abce"))


def test_flags_follow_after_a_night_on_which_a_folder_could_not_be_opened(move: Move) -> None:
    move.fill({"A": "a b", "B": "c d"})
    move.run()
    for folder, tag in (("A", "a"), ("B", "c")):
        move.mark(move.old, folder, tag, "+", "\\Flagged")
    closed = move.old_root / "Maildir" / ".B"
    mode = closed.stat().st_mode
    closed.chmod(0)
    try:
        move.run(status=1)
    finally:
        closed.chmod(mode)
    move.run()
    assert move.there() == {"A": "a b", "B": "c d"}
    assert move.flags("A", "a") == move.flags("B", "c") == {"\\flagged"}


# 3: a move is not there twice, whenever its two folders were looked at


@pytest.mark.parametrize(
    ("ended", "way"),
    [("complete", "A B"), ("complete", "B A"), ("killed", "A B"), ("killed", "B A")],
)
def test_a_move_while_a_run_is_between_its_folders_is_not_there_twice(move: Move, ended: str, way: str) -> None:
    """A run with one connection goes through A, then C, then B; the message moves while it is at C."""
    first, to = way.split()
    tag = f"{first}1"
    for folder, count in (("A", 1_600), ("C", 1_500), ("B", 5)):
        move.flood(folder, count)
    if ended == "complete":
        act = partial(move.move, move.old, first, tag, to)
        move.meanwhile("old", b"X-Tag: C900\r", act, "--connections", "1")
    else:
        move.cut("old", lambda said: b"X-Tag: C900\r" in said, "--connections", "1")
        move.move(move.old, first, tag, to)
    for _ in range(2):
        move.run()
        there = every(move.there())
        assert len(there) == 3_105
        assert set(there.values()) == {1}
        assert tag in move.there()[to].split()


# 4: what is in doubt, and moved


def test_an_equal_message_that_came_meanwhile_does_not_take_the_copy_of_one_that_is_in_doubt(move: Move) -> None:
    move.fill({"INBOX": "a b"})
    move.mark(move.old, "INBOX", "a", "+", "\\Answered", "$Label1")
    move.cut("new", lambda said: APPENDED in said, heard=False)
    assert move.there() == {"INBOX": "a b"}
    move.fill({"INBOX": "a"})
    move.run()
    flags = [sorted(seen.flags) for seen in move.new.read_folder("INBOX").messages if seen.tag == "a"]
    assert sorted(flags) == [[], ["$label1", "\\answered"]]


@pytest.mark.parametrize("renamed", [False, True])
def test_what_is_in_doubt_and_moved_on_the_old_side_is_not_there_twice(move: Move, renamed: bool) -> None:
    move.fill({"A": "a b", "B": ""})
    move.cut("new", lambda said: APPENDED in said, heard=False)
    assert "a" in move.there()["A"]
    if renamed:
        move.old.rename("A", "C")
    else:
        move.move(move.old, "A", "a", "B")
    for _ in range(2):
        move.run()
        assert move.there() == ({"C": "a b"} if renamed else {"A": "b", "B": "a"})


# 5: what the member removed does not come back by a move


@pytest.mark.parametrize("deed", ["deletes", "moves"])
@pytest.mark.parametrize("read_back", ["delivered", "none", "full"])
def test_what_the_member_removed_does_not_come_back_when_the_old_side_moves_it(
    move: Move, deed: str, read_back: str
) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.run("--verify", read_back)
    if deed == "deletes":
        move.remove(move.new, "A", "a")
    else:
        move.new.create("Mine")
        move.move(move.new, "A", "a", "Mine")
    move.move(move.old, "A", "a", "B")
    for _ in range(2):
        move.run("--verify", read_back)
        assert move.there() == {"A": "b", "B": "c"} | ({"Mine": "a"} if deed == "moves" else {})


def test_what_the_member_removed_stays_away_after_a_night_on_which_its_folder_could_not_be_opened(move: Move) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.run()
    closed = move.old_root / "Maildir" / ".A"
    mode = closed.stat().st_mode
    closed.chmod(0)
    try:
        move.run(status=1)
    finally:
        closed.chmod(mode)
    move.move(move.old, "A", "a", "B")
    move.remove(move.new, "A", "a")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "b", "B": "c"}


def test_what_was_deleted_nights_ago_is_not_the_earlier_copy_of_what_comes_now(move: Move) -> None:
    """What the old side deleted stays on the new one, also when an equal message comes to another folder nights later."""
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.remove(move.old, "A", "a")
    for _ in range(2):
        move.run()
        time.sleep(1.1)  # a night
    move.fill({"B": "a"})
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b", "B": "a c"}


# 6: several moves, the first of them not followed yet


def test_two_moves_the_first_in_a_run_that_was_cut_leave_one_copy(move: Move) -> None:
    move.fill({"A": "a b", "B": "c", "C": "d"})
    move.run()
    move.move(move.old, "A", "a", "B")
    move.cut("new", lambda said: APPENDED in said)
    move.move(move.old, "B", "a", "C")
    for _ in range(2):
        move.run()
    assert move.there() == {"A": "b", "B": "c", "C": "a d"}


def test_two_moves_the_first_in_a_run_that_read_nothing_back_leave_one_copy(move: Move) -> None:
    move.fill({"A": "a b", "B": "c", "C": "d"})
    move.run("--verify", "none")
    move.move(move.old, "A", "a", "B")
    move.run("--verify", "none")
    move.move(move.old, "B", "a", "C")
    for _ in range(2):
        move.run()
    assert move.there() == {"A": "b", "B": "c", "C": "a d"}


def test_what_moved_on_from_where_no_run_delivered_it_leaves_one_copy(move: Move, tmp_path: Path) -> None:
    """By steps: the second capture sees a in B, and nothing is delivered before it lies in C."""
    mailbox = tmp_path / "steps.mailbox"
    old, new = (f"imap://{move.user}@127.0.0.1:{move.ports[side]}" for side in ("old", "new"))

    def capture() -> None:
        said(move.runner.run("capture", old, mailbox, "--json", "--quiet"), 0)

    def deliver() -> None:
        said(move.runner.run("deliver", mailbox, new, "--json", "--quiet", "--settle", "0.3"), 0)

    move.fill({"A": "a b", "B": "c", "C": "d", "D": ""})
    capture()
    deliver()
    for place, to in ("AB", "BC", "CD"):
        capture()
        move.move(move.old, place, "a", to)
    for _ in range(2):
        capture()
        deliver()
        assert {name: tags for name, tags in move.there().items() if tags} == {"A": "b", "B": "c", "C": "d", "D": "a"}


@pytest.mark.parametrize("verify", ["delivered", "none"])
def test_what_moved_in_a_run_that_was_cut_and_was_deleted_since_leaves_one_copy(move: Move, verify: str) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.move(move.old, "A", "a", "B")
    move.cut("new", lambda said: APPENDED in said, "--verify", verify)
    move.remove(move.old, "B", "a")
    for _ in range(2):
        move.run()
        assert every(move.there())["a"] == 1


STORED = b"Store completed"


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "not-heard"])
@pytest.mark.parametrize("mark", [STORED, b"Expunge completed"], ids=["marked", "removed"])
def test_what_a_killed_run_was_removing_is_whole_once_its_folder_has_its_name_back(
    move: Move, mark: bytes, heard: bool
) -> None:
    """Its earlier copies are marked as deleted on the new side by us, or gone, when the folder that moved is where it was."""
    move.fill({"F": "a b", "INBOX": "c"})
    move.run()
    move.old.rename("F", "G")
    move.cut("new", lambda spoken: mark in spoken, heard=heard)
    move.old.rename("G", "F")
    for _ in range(2):
        move.run()
        assert move.there() == {"F": "a b", "INBOX": "c"}
        assert move.new.marks("F") == [set(), set()]


@pytest.mark.parametrize("night", ["delivered", "in-doubt"])
def test_a_folder_that_was_renamed_there_and_back_under_killed_runs_leaves_one_copy(move: Move, night: str) -> None:
    """Both places that it had were delivered, and nobody knew yet which of them was the later one when it lies in a third."""
    move.fill({"F": "a b"})
    move.run()
    move.old.rename("F", "G")
    move.run()
    move.old.rename("G", "F")
    if night == "delivered":  # everything, and nothing made way yet
        move.cut("old", lambda spoken: spoken.count(b"Logging out") == 2, "--connections", "1")
    else:
        move.cut("new", lambda spoken: APPENDED in spoken, "--connections", "1", heard=False)
    assert move.there() == {"F": "a b", "G": "a b"}
    move.old.rename("F", "G")
    move.cut("old", lambda spoken: b"Logging out" in spoken, "--connections", "1")  # it has seen where all is
    assert move.there() == {"F": "a b", "G": "a b"}
    move.old.rename("G", "H")
    for _ in range(2):
        move.run()
        assert move.there() == {"H": "a b"}


@pytest.mark.parametrize("deed", ["moves it", "flags it again", "nothing more"])
def test_what_got_its_flags_in_a_run_that_was_killed_before_it_heard_so_is_none_of_the_members(
    move: Move, deed: str
) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.mark(move.old, "A", "a", "+", "\\Flagged")
    move.cut("new", lambda said: STORED in said, heard=False)
    assert move.flags("A", "a") == {"\\flagged"}
    if deed == "moves it":
        move.move(move.old, "A", "a", "B")
    elif deed == "flags it again":
        move.mark(move.old, "A", "a", "+", "\\Answered")
    for _ in range(2):
        move.run()
        assert move.there() == ({"A": "b", "B": "a c"} if deed == "moves it" else {"A": "a b", "B": "c"})
        flags = {"\\flagged", "\\answered"} if deed == "flags it again" else {"\\flagged"}
        assert move.flags("B" if deed == "moves it" else "A", "a") == flags
    move.mark(move.old, "B" if deed == "moves it" else "A", "a", "-", "\\Flagged")
    move.run()
    assert move.flags("B" if deed == "moves it" else "A", "a") == flags - {"\\flagged"}


def test_what_the_member_marks_after_a_run_that_was_killed_as_it_gave_flags_is_theirs(move: Move) -> None:
    move.fill({"A": "a"})
    move.run()
    move.mark(move.old, "A", "a", "+", "\\Flagged")
    move.cut("new", lambda said: STORED in said, heard=False)
    move.mark(move.new, "A", "a", "+", "\\Draft")
    move.mark(move.old, "A", "a", "+", "\\Answered")
    for _ in range(2):
        move.run()
        assert move.flags("A", "a") == {"\\flagged", "\\draft"}


def test_what_moved_on_from_where_a_killed_run_put_it_and_the_member_filed_makes_way_in_the_first_run(
    move: Move,
) -> None:
    move.fill({"INBOX": "a"})
    move.run()
    for name in "FG":
        move.old.create(name)
    move.move(move.old, "INBOX", "a", "F")
    move.cut("new", lambda said: APPENDED in said, heard=False)
    move.move(move.old, "F", "a", "G")
    move.new.create("H")
    move.move(move.new, "F", "a", "H")
    for _ in range(2):
        move.run()
        assert {name: tags for name, tags in move.there().items() if tags} == {"G": "a", "H": "a"}


def test_an_altered_message_moves_all_the_same(move: Move) -> None:
    """The target gives back another date than it was told."""
    move.fill({"A": "a", "B": "c"})
    faults = move.proxies["new"].faults
    faults.rewrite_down = lambda octets: octets.replace(b'"01-Feb-2020', b'"02-Feb-2020')
    codes = {each["code"] for each in move.run(status=1)["exceptions"]}
    assert codes == {"altered"}
    faults.rewrite_down = None
    move.move(move.old, "A", "a", "B")
    for _ in range(2):
        move.run(status=1)  # "c" was altered, and stays named
        assert move.there() == {"B": "a c"}


# 7: a folder that is only a place in the tree


def test_a_deleted_folder_that_has_a_folder_below_it_is_no_fault(move: Move) -> None:
    move.fill({"P": "a b", "P/Q": "c", "B": "d"})
    move.run()
    move.move(move.old, "P", "a", "B")
    move.old.delete("P")
    for _ in range(2):
        move.run()
        assert move.there() == {"P": "b", "P/Q": "c", "B": "a d"}


# 8: a lost state folder


def test_after_a_lost_state_folder_nothing_is_added_and_flags_and_moves_follow(move: Move) -> None:
    move.fill({"A": "a b c", "B": "d"})
    move.run()
    shutil.rmtree(move.state)
    move.run()
    assert move.there() == {"A": "a b c", "B": "d"}
    move.mark(move.old, "A", "a", "+", "\\Flagged", "$Work")
    move.move(move.old, "A", "b", "B")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a c", "B": "b d"}
        assert move.flags("A", "a") == {"\\flagged", "$work"}


# 9: a new UIDVALIDITY after a run that was killed


def test_a_new_uidvalidity_after_a_killed_run_leaves_nothing_without_an_outcome(move: Move) -> None:
    move.fill({"A": " ".join(f"m{n}" for n in range(30))}, LARGE)
    move.cut("new", lambda said: APPENDED in said)
    for name in ("dovecot-uidlist", "dovecot.index.log", "dovecot.index", "dovecot.index.cache"):
        (move.old_root / "Maildir" / ".A" / name).unlink(missing_ok=True)
    report = move.run()
    assert report["totals"]["unaccounted"] == 0
    assert report["accounted"] is True
    assert every(move.there()) == Counter(f"m{n}" for n in range(30))


# 10: smaller ones


def test_what_was_already_there_and_was_deleted_since_does_not_come_back(move: Move) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.new.create("A")
    move.new.append("A", letter("a"))
    move.run()
    move.remove(move.new, "A", "a")
    move.run("--verify", "full")
    assert move.there() == {"A": "b", "B": "c"}
    move.move(move.old, "A", "a", "B")
    move.run()
    assert move.there() == {"A": "b", "B": "c"}


def test_an_equal_message_that_is_new_is_sent_though_the_member_deleted_the_first(move: Move) -> None:
    move.fill({"A": "a b"})
    move.new.create("A")
    move.new.append("A", letter("a"))
    move.run()
    move.remove(move.new, "A", "a")
    move.fill({"A": "a"})
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b"}


@pytest.mark.parametrize("same", [True, False], ids=["one state folder", "two state folders"])
def test_two_runs_at_once_double_nothing(move: Move, tmp_path: Path, same: bool) -> None:
    move.fill({"A": " ".join(f"m{n}" for n in range(40)), "B": " ".join(f"n{n}" for n in range(40))}, 4_000)
    move.proxies["new"].faults.delay_seconds = 0.02  # both are surely at work together
    other = move.state if same else tmp_path / "other"
    both = [move.runner.start(*move.words(state=state)) for state in (move.state, other)]
    ends = [each.wait() for each in both]
    move.proxies["new"].faults.delay_seconds = 0
    assert 0 in [done.status for done in ends], ends
    assert 2 not in [done.status for done in ends], "2 is a wrong command line"
    assert set(every(move.there()).values()) == {1}
    move.run()
    assert len(every(move.there())) == 80
    assert set(every(move.there()).values()) == {1}


def test_a_copy_that_the_member_marks_as_deleted_before_it_is_read_back_is_not_altered(move: Move) -> None:
    move.fill({"INBOX": "a b"})
    move.meanwhile("new", APPENDED, lambda: move.mark(move.new, "INBOX", "a", "+", "\\Deleted"))
    move.remove(move.new, "INBOX", "a")
    for _ in range(2):
        move.run()
        assert move.there() == {"INBOX": "b"}


@pytest.mark.parametrize("deed", ["the message", "its folder"])
def test_what_was_altered_is_no_fault_once_the_member_has_deleted_it(move: Move, deed: str) -> None:
    """The target gives back another date than it was told."""
    move.fill({"A": "a"})
    faults = move.proxies["new"].faults
    faults.rewrite_down = lambda octets: octets.replace(b'"01-Feb-2020', b'"02-Feb-2020')
    for _ in range(2):
        assert [each["code"] for each in move.run(status=1)["exceptions"]] == ["altered"]
    if deed == "the message":
        move.remove(move.new, "A", "a")
    else:
        move.new.delete("A")
    for _ in range(2):
        move.run()
        assert move.there() == {}


def from_another_machine(move: Move, tmp_path: Path) -> None:
    """A complete run that knows nothing of the others, and that they do not wait for: the ports that it goes to are the servers' own, and theirs are
    the proxies'."""
    machine = tmp_path / "machine"
    machine.mkdir()
    sides = [f"imap://{move.user}@127.0.0.1:{port}" for port in move.ports.values()]
    words = ["copy", *sides, "--state", machine / "state", "--json", "--quiet"]
    said(move.runner.start(*words, variables=environment(machine)).wait(), 0)


def test_one_message_that_another_machine_delivers_meanwhile_is_there_once(move: Move, tmp_path: Path) -> None:
    move.fill({"INBOX": "a b"})
    move.meanwhile("new", b"[READ-WRITE]", partial(from_another_machine, move, tmp_path))
    assert move.there() == {"INBOX": "a b"}
    move.mark(move.old, "INBOX", "a", "+", "\\Flagged")
    move.run()
    assert move.flags("INBOX", "a") == {"\\flagged"}


def test_what_another_machine_doubles_on_a_target_that_removes_nothing_is_named(move: Move, tmp_path: Path) -> None:
    move.fill({"INBOX": "a b"})
    move.proxies["new"].faults.lesser = Without("UIDPLUS")
    report = move.meanwhile("new", b"[READ-WRITE]", partial(from_another_machine, move, tmp_path), status=1)
    assert move.there() == {"INBOX": "a a b b"}
    assert [each["code"] for each in report["exceptions"]] == ["duplicate", "duplicate"]


def test_what_the_member_copies_beside_ours_is_theirs(move: Move) -> None:
    move.fill({"INBOX": "a"})
    move.meanwhile("new", APPENDED, lambda: move.new.copy("INBOX", move.new.uids("INBOX", "a"), "INBOX"))
    assert move.there() == {"INBOX": "a a"}


def test_a_mark_that_both_sides_set_stays_when_the_old_side_takes_it_off(move: Move) -> None:
    move.fill({"A": "a b"})
    move.run()
    move.mark(move.new, "A", "a", "+", "\\Flagged")
    move.mark(move.old, "A", "a", "+", "\\Flagged")
    move.run()
    move.mark(move.old, "A", "a", "-", "\\Flagged")
    for _ in range(2):
        move.run()
        assert move.flags("A", "a") == {"\\flagged"}


def test_a_folder_that_the_member_deleted_is_not_made_again(move: Move) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.new.delete("A")
    for _ in range(2):
        move.run()
        assert move.new.folders() == ["B", "INBOX"]
    move.fill({"A": "d"})
    move.run()
    assert move.there() == {"A": "d", "B": "c"}


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
@pytest.mark.parametrize("sees", ["no more of the folder that was", "the folder that was"])
def test_a_folder_that_the_old_side_puts_back_message_by_message_during_a_run_holds_the_same_ones(
    move: Move, member: str, sees: str
) -> None:
    """It has a new UIDVALIDITY, and when the run looks into it only the first message."""
    move.fill({"INBOX": "d", "B": "a b c"})
    move.run()
    if member == "deletes":
        move.remove(move.new, "B", "b")

    def put_back() -> None:
        move.old.delete("B")
        move.fill({"B": "a"})

    steps = [(b"* STATUS B ", put_back), (b"X-Tag: a\r", lambda: move.fill({"B": "b c"}))]
    if sees == "no more of the folder that was":
        steps.pop(0)
        put_back()
    move.step_by_step("old", steps)
    for _ in range(2):
        move.run()
        assert move.there() == {"INBOX": "d", "B": "a b c" if member == "does nothing" else "a c"}


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
@pytest.mark.parametrize("seen", [b"* STATUS %b ", b"READ-ONLY"], ids=["counted", "opened"])
@pytest.mark.parametrize("nights", [1, 3])
def test_a_message_that_goes_on_under_the_eyes_of_each_run_is_the_same_one(
    move: Move, nights: int, seen: bytes, member: str
) -> None:
    """Each finds it gone from where it was when it began, and does not see it where it is when it ends."""
    folders = "BCDEF"[: nights + 1]
    move.fill({"A": "a x", **{name: name.lower() for name in folders}})
    move.run()
    if member == "deletes":
        move.remove(move.new, "A", "a")
    move.move(move.old, "A", "a", "B")
    for here, there in pairwise(folders):
        mark = seen % here.encode() if b"%b" in seen else seen
        move.meanwhile("old", mark, partial(move.move, move.old, here, "a", there), "--connections", "1")
    held = {"A": "x", **{name: name.lower() for name in folders}}
    if member == "does nothing":
        held[folders[-1]] = f"a {folders[-1].lower()}"
    for _ in range(2):
        move.run()
        assert move.there() == held


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
def test_a_message_that_goes_on_under_the_eyes_of_a_run_and_then_after_one_that_was_killed_is_the_same_one(
    move: Move, member: str
) -> None:
    """The one that was killed had seen it where it was by then, and not read it."""
    move.fill({"A": "a x", "B": "b", "C": "c", "D": "d"})
    move.run()
    if member == "deletes":
        move.remove(move.new, "A", "a")
    move.move(move.old, "A", "a", "B")
    move.fill({"INBOX": "i1 i2 i3"})  # read first, as they are most
    move.meanwhile("old", b"X-Tag: i1\r", partial(move.move, move.old, "B", "a", "C"), "--connections", "1")
    move.cut("old", lambda said: b"X-Tag: a\r" in said, heard=False)
    move.move(move.old, "C", "a", "D")
    held = {"INBOX": "i1 i2 i3", "A": "x", "B": "b", "C": "c", "D": "a d" if member == "does nothing" else "d"}
    for _ in range(2):
        move.run()
        assert move.there() == held


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
def test_a_message_that_comes_back_under_the_eyes_of_each_run_is_the_same_one(move: Move, member: str) -> None:
    move.fill({"A": "a x", "B": "b", "C": "c"})
    move.run()
    if member == "deletes":
        move.remove(move.new, "A", "a")
    move.move(move.old, "A", "a", "B")
    for here, there in pairwise("BCBA"):
        mark = b"* STATUS %b " % here.encode()
        move.meanwhile("old", mark, partial(move.move, move.old, here, "a", there), "--connections", "1")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a x" if member == "does nothing" else "x", "B": "b", "C": "c"}


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
def test_a_message_that_moves_between_the_answers_for_two_folders_is_the_same_one(move: Move, member: str) -> None:
    """The server told of the one while it was still there, and of the other when it had come."""
    status, told = re.compile(rb"\* STATUS A \([^)]*\)"), [b""]

    def listen(octets: bytes) -> bytes:
        told[:] = status.findall(octets) or told
        return octets

    def say_once_as_before(octets: bytes) -> bytes:
        return status.sub(lambda found: told.pop() if told else found[0], octets)

    move.fill({"INBOX": "i", "B": "b", "C": "c", "D": "d"})
    move.old.create("A")
    move.old.append("A", letter("a"), date=1_500_000_000)  # its folder has none of the last messages
    move.run()
    if member == "deletes":
        move.remove(move.new, "A", "a")
    move.proxies["old"].faults.rewrite_down = listen
    move.run()
    move.proxies["old"].faults.rewrite_down = say_once_as_before
    move.move(move.old, "A", "a", "B")
    for _ in range(2):
        move.run()
        assert not told
        assert move.there() == {"INBOX": "i", "B": "a b" if member == "does nothing" else "b", "C": "c", "D": "d"}


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
@pytest.mark.parametrize("command", ["copy", "capture and deliver"])
def test_a_message_that_moves_from_a_folder_that_was_surveyed_to_one_that_is_not_yet_is_the_same_one(
    move: Move, command: str, member: str, tmp_path: Path
) -> None:
    """The run sees it in both: where it was, and where it came to."""
    kept = tmp_path / "kept.mailbox"

    def run() -> None:
        if command == "copy":
            move.run("--connections", "1")
            return
        _, old, new, *rest = move.words()
        assert move.runner.run("capture", old, kept, "--quiet", "--connections", "1").status == 0
        assert move.runner.run("deliver", kept, new, "--quiet", *rest[2:]).status == 0

    folders = ["INBOX", "P", "S"]
    move.fill({name: f"{name}1 {name}2" for name in folders})
    run()
    if member == "deletes":
        for name in folders:
            move.remove(move.new, name, f"{name}1")
        run()
    move.fill({name: f"{name}3" for name in folders})
    names = {shelf.uidvalidity: name for name, shelf in move.old.read().items()}
    went, spoken = list[str](), bytearray()

    def go_after_the_first_survey(octets: bytes) -> bytes:
        spoken.extend(octets)
        surveyed = re.search(rb"OK \[UIDVALIDITY (\d+)\].*READ-ONLY.*Fetch completed", spoken, re.DOTALL)
        if surveyed and not went:
            here = names[int(surveyed[1])]
            went.extend((here, *(name for name in folders if name != here)))
            move.move(move.old, here, f"{here}1", went[1])
        return octets

    move.proxies["old"].faults.rewrite_down = go_after_the_first_survey
    run()
    here, there, _ = went
    left = [] if member == "deletes" else [1]
    held = {name: [f"{name}{n}" for n in (*left, 2, 3)] for name in folders}
    if member == "does nothing":
        held[there] = sorted([*held[there], held[here].pop(0)])
    for _ in range(2):
        assert move.there() == {name: " ".join(tags) for name, tags in held.items()}
        run()


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
@pytest.mark.parametrize("nights", [1, 3])
def test_a_folder_that_is_renamed_again_under_the_eyes_of_each_run_is_the_same_one(
    move: Move, nights: int, member: str
) -> None:
    names = "BCDEF"[: nights + 1]
    move.fill({"INBOX": "x", "A": "a b c"})
    move.run()
    if member == "deletes":
        move.remove(move.new, "A", "b")
    move.old.rename("A", "B")
    for here, there in pairwise(names):
        move.meanwhile("old", b"List completed", partial(move.old.rename, here, there))
    for _ in range(2):
        move.run()
        assert move.there() == {"INBOX": "x", names[-1]: "a b c" if member == "does nothing" else "a c"}


@pytest.mark.parametrize("night", ["the first", "a later one"])
def test_a_folder_that_takes_the_name_of_another_during_a_run_is_not_there_twice(move: Move, night: str) -> None:
    """The run has read it under its own name when it comes to the other."""
    if night == "a later one":
        move.fill({"A": "x"})
        move.run()
    move.fill({"B": "b1 b2 b3 b4", "A": "a1"})

    def take_the_name() -> None:
        move.old.delete("A")
        move.old.rename("B", "A")

    move.meanwhile("old", b"X-Tag: b4\r", take_the_name, "--connections", "1", status=night == "a later one")
    for _ in range(2):
        move.run()
        assert every(move.there())["b1"] == 1
    assert move.there() == {"A": "b1 b2 b3 b4" if night == "the first" else "b1 b2 b3 b4 x"}


# What the member does while a run goes on


@pytest.mark.parametrize("to_do", ["a message", "a flag", "both"])
@pytest.mark.parametrize("deed", ["renames", "deletes"])
def test_a_folder_that_the_member_renames_or_deletes_during_a_run_is_theirs(move: Move, deed: str, to_do: str) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.run()
    if to_do != "a flag":
        move.fill({"A": "d"})
    if to_do != "a message":
        move.mark(move.old, "A", "a", "+", "\\Flagged")
    act = {"renames": partial(move.new.rename, "A", "Z"), "deletes": partial(move.new.delete, "A")}[deed]
    move.meanwhile("new", b"List completed", act)
    fresh = " d" if to_do != "a flag" else ""
    expected = {"renames": {"B": "c", "Z": "a b" + fresh}, "deletes": {"B": "c"} | ({"A": "d"} if fresh else {})}[deed]
    for _ in range(2):
        assert move.there() == expected
        move.run()
    if deed == "renames" and to_do != "a message":
        assert move.flags("Z", "a") == {"\\flagged"}


# Two batches in doubt, the folder made anew between them


def test_what_is_in_doubt_from_before_a_new_uidvalidity_is_found_beside_a_later_batch_in_doubt(move: Move) -> None:
    """The first batch's copies lie, in the folder that the member made anew, below where the later batch began."""
    move.fill({"A": "a b"})
    move.cut("new", lambda said: APPENDED in said, heard=False)
    move.new.delete("A")
    move.new.create("A")
    for tag in "ab":
        move.new.append("A", letter(tag))
    move.fill({"A": "c"})
    move.cut("new", lambda said: APPENDED in said, heard=False)
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b c"}


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_folder_that_holds_only_others_now_has_lost_its_messages(move: Move, member: str, comes_back: bool) -> None:
    """The old side still lists it, as what no message can be in."""
    move.fill({"P": "a b", "P/Q": "q"})
    move.run()
    if member == "deletes":
        for tag in "ab":
            move.remove(move.new, "P", tag)
    for tag in "ab":
        move.move(move.old, "P", tag, "INBOX")
    move.old.delete("P")
    move.move(move.old, "P/Q", "q", "INBOX")
    move.old.delete("P/Q")
    move.old.create("P/Q")
    left = "q" if member == "deletes" else "a b q"
    for _ in range(2):
        move.run()
        assert move.there() == {"INBOX": left}
    if comes_back:
        move.old.create("P")
        move.move(move.old, "INBOX", "a", "P")
        move.move(move.old, "INBOX", "q", "P")
        for _ in range(2):
            move.run()
            assert move.there() == ({"P": "q"} if member == "deletes" else {"INBOX": "b", "P": "a q"})


@pytest.mark.parametrize("member", ["moves", "deletes"])
@pytest.mark.parametrize("connections", ["1", "3"])
@pytest.mark.parametrize("to", ["z", "A/sub"])
def test_another_folder_takes_the_name_of_one_that_was_renamed(
    move: Move, member: str, connections: str, to: str
) -> None:
    """Its messages are known to have left it before the renamed one is looked into."""
    move.fill({"work": "a b c", "B": "d"})
    move.run()
    if member == "moves":
        move.move(move.new, "work", "b", "B")
    else:
        move.remove(move.new, "work", "b")
    move.old.rename("work", to)
    move.fill({"work": "e"})
    for _ in range(2):
        move.run("--connections", connections)
        assert move.there() == {"work": "e", to: "a c", "B": "b d" if member == "moves" else "d"}


@pytest.mark.parametrize("how", ["renamed", "made"])
def test_a_name_that_held_only_others_becomes_a_folder(move: Move, how: str) -> None:
    """A name that no message can be in held none, whatever comes to it later."""
    move.fill({"A/sub": "a b", "B": "c"})
    move.run()
    if how == "renamed":
        move.old.rename("A/sub", "A")
    else:
        move.old.create("A")
        for tag in "ab":
            move.move(move.old, "A/sub", tag, "A")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b", "B": "c"}


@pytest.mark.parametrize("first", [(), ("--folder", "INBOX")])
@pytest.mark.parametrize("choice", [("--folder", "INBOX"), ("--without-folder", "B")])
@pytest.mark.parametrize("member", ["does nothing", "deletes"])
def test_what_moves_to_a_folder_that_a_run_left_out_by_choice_is_the_same_message(
    move: Move, first: tuple[str, ...], choice: tuple[str, ...], member: str
) -> None:
    """How far its UIDs went is seen all the same."""
    move.fill({"INBOX": "a b", "B": "c"})
    move.run(*first)
    if member == "deletes":
        move.remove(move.new, "INBOX", "a")
    move.run(*choice)
    time.sleep(1.1)  # a night
    move.move(move.old, "INBOX", "a", "B")
    for _ in range(2):
        move.run()
        assert move.there() == {"INBOX": "b", "B": "c" if member == "deletes" else "a c"}
