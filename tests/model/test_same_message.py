"""Histories in which it is in question which message is which: what came back, what is found again, and what an older state knows nothing of."""

import shutil
import time
from pathlib import Path

import pytest

from model.history import APPENDED, Move, every
from model.letters import letter

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.xdist_group("model-findings")]

# what left its folder and came back to it between two runs


@pytest.mark.parametrize("member", ["does nothing", "deletes", "reads"])
@pytest.mark.parametrize("marked", [False, True])
def test_what_left_its_folder_and_came_back_is_the_same_message(move: Move, member: str, marked: bool) -> None:
    """A to B and back to A between two runs: it has another UID there."""
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.move(move.old, "A", "a", "B")
    move.move(move.old, "B", "a", "A")
    if marked:
        move.mark(move.old, "A", "a", "+", "\\Flagged")
    if member == "deletes":
        move.remove(move.new, "A", "a")
    elif member == "reads":
        move.mark(move.new, "A", "a", "+", "\\Seen")
    before = move.new.read_folder("A").messages
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "b" if member == "deletes" else "a b", "B": "c"}
        assert {seen.uid for seen in before} == {seen.uid for seen in move.new.read_folder("A").messages}
    if member == "does nothing":
        assert move.flags("A", "a") == ({"\\flagged"} if marked else set())
    elif member == "reads":
        assert move.flags("A", "a") == {"\\seen"}


def test_what_came_back_in_a_run_that_was_cut_before_it_was_read_is_the_same_message(move: Move) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.move(move.old, "A", "a", "B")
    move.move(move.old, "B", "a", "A")
    move.cut("old", lambda said: b"X-Tag: a\r" in said, heard=False)
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b", "B": "c"}


@pytest.mark.parametrize("hidden", ["by a closed folder", "by a run that was cut"])
def test_what_was_where_no_run_had_looked_yet_is_the_same_message(move: Move, hidden: str) -> None:
    """A is renamed to C, which is not read that night; then the message moves on."""
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.old.rename("A", "C")
    if hidden == "by a closed folder":
        closed = move.old_root / "Maildir" / ".C"
        mode = closed.stat().st_mode
        closed.chmod(0)
        try:
            move.run(status=1)
        finally:
            closed.chmod(mode)
    else:
        move.cut("old", lambda said: b"X-Tag: a\r" in said, heard=False)
    time.sleep(1.1)  # a night
    move.move(move.old, "C", "a", "B")
    for _ in range(2):
        move.run()
        assert every(move.there()) == {"a": 1, "b": 1, "c": 1}
        assert move.there()["B"] == "a c"


@pytest.mark.parametrize("run", [("--folder", "A", "--folder", "C"), ("--since", "2025-01-01"), "killed"])
def test_what_moved_on_before_a_run_that_looked_at_everything_is_the_same_message(
    move: Move, run: str | tuple[str, ...]
) -> None:
    """A run that looks at some folders, or leaves messages out, or is killed, between a move and the next one of the same message."""
    move.fill({"A": "a b", "B": "c", "C": "d"})
    move.run()
    move.move(move.old, "A", "a", "B")
    if isinstance(run, tuple):
        move.run(*run)
    else:
        move.run("--folder", "A")
        time.sleep(1.1)  # a night
        move.cut(
            "old", lambda said: b"[UIDVALIDITY" in said, heard=False
        )  # as it opens B, and has seen how far each goes
    time.sleep(1.1)  # a night
    move.move(move.old, "B", "a", "C")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "b", "B": "c", "C": "a d"}


def test_what_a_run_left_out_is_taken_by_the_next_that_takes_all(move: Move) -> None:
    """Also where it had moved, and the folder is as that run saw it."""
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.move(move.old, "A", "a", "B")
    move.fill({"B": "d"})
    move.run("--since", "2025-01-01")
    time.sleep(1.1)  # a night
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "b", "B": "a c d"}


@pytest.mark.parametrize("member", ["does nothing", "deletes"])
@pytest.mark.parametrize("to", ["B", "a folder that is new"])
def test_what_moved_while_the_surveys_went_on_is_the_same_message(move: Move, member: str, to: str) -> None:
    """B is as it was when the run begins, and not looked at again; INBOX, which changed, is looked at after the message left it."""
    move.fill({"C": "c", "INBOX": "a b", "B": "d"})
    move.run("--connections", "1")
    move.mark(
        move.old, "C", "c", "+", "$Mark"
    )  # it is looked at before INBOX, which is listed last; its keywords are told as it is opened
    move.fill({"INBOX": "e"})
    folder = "B" if to == "B" else "N"

    def act() -> None:
        if folder == "N":
            move.old.create("N")
        move.move(move.old, "INBOX", "a", folder)

    move.meanwhile("old", b"$Mark", act, "--connections", "1")
    time.sleep(1.1)  # a night
    if member == "deletes":
        move.remove(move.new, "INBOX", "a")
    there = {"B": "d", "C": "c", "INBOX": "b e"}
    if member == "does nothing":
        there[folder] = " ".join(sorted({"a", *there.get(folder, "").split()}))
    for _ in range(2):
        move.run()
        assert move.there() == there


def test_what_was_deleted_before_a_run_and_an_equal_one_that_came_after_it_are_two(move: Move) -> None:
    move.fill({"Y": "a b", "B": "d"})
    move.run()
    move.remove(move.old, "Y", "a")
    move.run()
    time.sleep(1.1)  # a night
    move.remove(move.new, "Y", "a")
    move.fill({"B": "a"})
    for _ in range(2):
        move.run()
        assert move.there() == {"B": "a d", "Y": "b"}


def test_an_equal_copy_whose_run_was_cut_is_not_taken_for_the_one_that_was_deleted_since(move: Move) -> None:
    """It came while the run was looking, and has its row; then the first one goes: what has a row did not come back from anywhere."""
    move.fill({"A": "a", "B": "c"})
    move.run()
    move.mark(move.old, "A", "a", "+", "\\Flagged")  # A is looked at
    came: list[bool] = []

    def listen(octets: bytes) -> bytes:
        if not came and b"* STATUS A " in octets:
            came.append(True)
            move.fill({"A": "a"})
        return octets

    move.proxies["old"].faults.rewrite_down = listen
    move.cut("new", lambda said: APPENDED in said, heard=False)
    move.proxies["old"].faults.rewrite_down = None
    move.old.remove("A", move.old.uids("A", "a")[:1])
    move.fill({"A": "b"})
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b", "B": "c"}


def test_one_that_moved_and_one_that_was_copied_back_are_two(move: Move) -> None:
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.move(move.old, "A", "a", "B")
    move.old.copy("B", move.old.uids("B", "a"), "A")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b", "B": "a c"}


@pytest.mark.parametrize("read_back", ["delivered", "none"])
@pytest.mark.parametrize("member", ["does nothing", "deletes"])
def test_a_folder_that_was_renamed_and_has_its_name_back_brings_its_messages_back(
    move: Move, read_back: str, member: str
) -> None:
    """It keeps its UIDVALIDITY and UIDs both times, so that each message is where it was known to have vanished from."""
    move.fill({"A": "a b", "B": "c"})
    move.run("--verify", read_back)
    move.old.rename("A", "X")
    move.run("--verify", read_back)
    if member == "deletes":
        move.remove(move.new, "X", "a")
    move.old.rename("X", "A")
    for _ in range(3):
        move.run()
    assert move.there() == {"A": "b" if member == "deletes" else "a b", "B": "c"}
    move.mark(move.old, "A", "b", "+", "\\Flagged")
    move.run()
    assert move.flags("A", "b") == {"\\flagged"}


# flags and a new UIDVALIDITY at once


def test_flags_that_changed_with_the_uidvalidity_follow(move: Move) -> None:
    move.fill({"A": "a b c", "B": "d"})
    move.run()
    move.mark(move.new, "A", "b", "+", "\\Seen")
    move.old.delete("A")
    move.fill({"A": "a b c"})
    for tag in "ab":
        move.mark(move.old, "A", tag, "+", "\\Flagged")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b c", "B": "d"}
        assert [move.flags("A", tag) for tag in "abc"] == [{"\\flagged"}, {"\\seen"}, set()]


def test_what_was_left_out_under_a_new_uidvalidity_is_the_same_message_to_a_run_that_takes_it(move: Move) -> None:
    move.fill({"A": "a b c", "B": "d"})
    move.run()
    move.mark(move.new, "A", "a", "+", "\\Seen")
    move.remove(move.new, "A", "b")
    move.run("--since", "2025-01-01")
    move.old.delete("A")
    move.fill({"A": "a b c"})
    for _ in range(2):
        time.sleep(1.1)  # a night
        move.run("--since", "2025-01-01")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a c", "B": "d"}


# a folder that the member renamed


@pytest.mark.parametrize("old_side", ["marks", "moves"])
def test_a_copy_that_the_member_read_in_a_folder_that_they_renamed_is_theirs(move: Move, old_side: str) -> None:
    move.fill({"F": "a b", "B": "c"})
    move.run()
    move.new.rename("F", "G")
    move.mark(move.new, "G", "a", "+", "\\Seen")
    if old_side == "marks":
        move.mark(move.old, "F", "a", "+", "\\Flagged")
    else:
        move.move(move.old, "F", "a", "B")
    for _ in range(2):
        move.run()
        assert move.there() == {"G": "a b", "B": "c" if old_side == "marks" else "a c"}
        assert move.flags("G", "a") == {"\\seen"}


# a state folder that is lost, or older than the last run


def test_an_older_state_folder_put_back_doubles_nothing_and_flags_and_moves_follow(move: Move, tmp_path: Path) -> None:
    """Yesterday's copy of it, after three more runs."""
    move.fill({"A": "a b c d", "B": "e"})
    move.run()
    shutil.copytree(move.state, tmp_path / "kept")
    move.move(move.old, "A", "a", "B")
    move.run()
    move.fill({"A": "f", "C": "g"})
    move.remove(move.new, "A", "b")
    move.run()
    move.mark(move.old, "A", "f", "+", "\\Flagged")
    move.move(move.old, "A", "c", "C")
    move.run()
    there = {"A": "d f", "B": "a e", "C": "c g"}
    assert move.there() == there
    shutil.rmtree(move.state)
    shutil.copytree(tmp_path / "kept", move.state)
    report = move.run()
    assert move.there() == there
    assert [each["sha256"] for each in report["exceptions"]] == [], "a is in B, c in C, and b was not looked for"
    for folder, tag in (("A", "f"), ("B", "a"), ("C", "c"), ("C", "g")):
        move.mark(move.old, folder, tag, "+", "$Work")
    move.move(move.old, "B", "a", "C")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "d f", "B": "e", "C": "a c g"}
        assert [move.flags(*where) for where in (("A", "f"), ("C", "a"), ("C", "c"), ("C", "g"))] == [
            {"\\flagged", "$work"}, {"$work"}, {"$work"}, {"$work"}
        ]  # fmt: skip


def test_a_move_that_both_sides_made_is_there_once(move: Move) -> None:
    """The member moved the same message to the same folder on the new side: it is the message, and followed."""
    move.fill({"A": "a b", "B": "c"})
    move.run()
    for who in (move.old, move.new):
        move.move(who, "A", "a", "B")
    move.run()
    move.mark(move.old, "B", "a", "+", "\\Flagged")
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "b", "B": "a c"}
        assert move.flags("B", "a") == {"\\flagged"}


def test_an_earlier_copy_that_had_not_made_way_before_the_state_was_lost_stays(move: Move) -> None:
    """Nothing tells whose it is: nothing is removed, nothing added, and it is no fault."""
    move.fill({"A": "a b", "B": "c"})
    move.run()
    move.move(move.old, "A", "a", "B")
    move.cut("new", lambda said: APPENDED in said)
    shutil.rmtree(move.state)
    for _ in range(2):
        move.run()
        assert move.there() == {"A": "a b", "B": "a c"}


# a folder of the new side that was made anew


@pytest.mark.parametrize("old_side", ["marks", "moves"])
def test_what_was_already_there_is_known_by_content_when_its_folder_has_another_uidvalidity(
    move: Move, old_side: str
) -> None:
    """The folder is made anew with the same messages in it, as after a server was restored."""
    move.fill({"A": "a b", "B": "c"})
    move.new.create("A")
    move.new.append("A", letter("a"))
    move.run()
    move.new.delete("A")
    move.new.create("A")
    for tag in "ab":
        move.new.append("A", letter(tag))
    if old_side == "marks":
        move.mark(move.old, "A", "a", "+", "\\Flagged")
    else:
        move.move(move.old, "A", "a", "B")
    for _ in range(2):
        move.run()
        assert move.there() == ({"A": "a b", "B": "c"} if old_side == "marks" else {"A": "b", "B": "a c"})
    if old_side == "marks":
        assert move.flags("A", "a") == {"\\flagged"}
        move.mark(move.old, "A", "a", "+", "$Work")
        move.run()
        assert move.flags("A", "a") == {"\\flagged", "$work"}
