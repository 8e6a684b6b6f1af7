"""The yardstick that peers are measured with tells exact from lost, altered, doubled and changed: each fault is planted by a peer of our own.

The planted peers are programs like any other, which read the quirk server through IMAP and write to another, with one mistake each.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from peers.bascule import Bascule
from peers.histories import Expected
from peers.history_trial import outcome, wrong
from peers.peer import Call, End
from peers.quirk_trial import Manner, Trial, cases
from peers.telling import TELLING
from peers.yardstick import Difference, Held, Look, Outcome, Usual, compare, judge, unnamed

from support.dovecot import PrivateDovecot
from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session

COPY = """
import imaplib, pathlib, sys, time
old, new, state, fault = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]
done = state / "done"
if fault == "hangs": time.sleep(60)
if fault == "crashes": raise SystemError("planted")
if fault == "killed": import os; os.kill(os.getpid(), 11)
source, target = imaplib.IMAP4("127.0.0.1", old), imaplib.IMAP4("127.0.0.1", new)
for each in source, target: each.login("anna", "secret")
if done.exists() and fault not in ("doubles", "late"): sys.exit(fault == "refuses")
if fault == "late" and not done.exists(): done.touch(); sys.exit(1)
for name in ("INBOX", "Archive/2020", "R&AOk-unions"):
    target.create(name)
    source.select(name, readonly=fault != "changes")
    for uid in source.uid("SEARCH", "ALL")[1][0].split():
        if uid == b"7" and fault in ("loses", "refuses", "names"):
            if fault != "loses": print(f"error: {name}/7 could not be copied" if fault == "names" else "error: something failed")
            continue
        body = "BODY[]" if fault == "changes" else "BODY.PEEK[]"
        reply = source.uid("FETCH", uid, f"(FLAGS INTERNALDATE {body})")[1]
        octets, said = reply[0][1], reply[0][0] + (reply[1] if len(reply) > 1 and isinstance(reply[1], bytes) else b"")
        flags = [flag.decode() for flag in imaplib.ParseFlags(said) if flag != b"\\\\Recent"]
        date = said[said.index(b'INTERNALDATE "') + 13 :][:28].decode()
        if fault == "alters" and uid == b"7": octets = octets.replace(b"\\r\\n\\r\\n", b"\\r\\n\\r\\nX", 1)
        if fault == "unflags": flags = []
        target.append(name, f"({' '.join(flags)})", date, octets)
done.touch()
sys.exit(fault in ("refuses", "names"))
"""


@dataclass
class Planted:
    """A program that copies all there is, but for its ``fault``."""

    fault: str
    name = "planted"
    opens_target = False
    how = ""

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        return ""

    def call(self, state: Path, source: End, target: End, words: tuple[str, ...] = ()) -> Call:
        return Call((sys.executable, "-c", COPY, str(source.port), str(target.port), str(state), self.fault), {})

    def told(self, said: str) -> str:
        return said


FAULTS = {
    "none": Outcome.EXACT,
    "late": Outcome.SECOND,
    "names": Outcome.NAMED,
    "refuses": Outcome.ERROR,
    "alters": Outcome.ALTERED,
    "unflags": Outcome.ALTERED,
    "loses": Outcome.LOST,
    "doubles": Outcome.DOUBLED,
    "hangs": Outcome.HANGS,
    "crashes": Outcome.CRASHED,
    "killed": Outcome.CRASHED,
    "changes": Outcome.CHANGED,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_told_by_its_name(fault: str) -> None:
    looks = Trial(Planted(fault), Quirk(), Quirk(), manner=Manner(3.0 if fault == "hangs" else 30.0)).run()
    assert judge(looks) is FAULTS[fault], looks


def test_what_a_peer_does_everywhere_is_not_laid_to_the_charge_of_a_quirk() -> None:
    usual = Usual.of(Trial(Planted("unflags"), Quirk(), Quirk()).run()[-1])
    assert judge(Trial(Planted("unflags"), Quirk(), Quirk()).run(), usual) is Outcome.USUAL
    assert judge(Trial(Planted("unflags"), Quirk(), RoundsDates()).run(), usual) is Outcome.ALTERED


class RoundsDates(Quirk):
    """Every arrival becomes midnight."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        message.date = message.date.replace(hour=0, minute=0, second=0)
        return message


def held(name: str, folder: bytes = b"A", flags: tuple[bytes, ...] = (), second: int = 1, body: str = "text") -> Held:
    octets = f"Message-ID: <{name}@example.org>\r\n\r\n{body}\r\n".encode()
    return Held(folder, octets, frozenset(flags), second, uid=5, number=1)


@pytest.mark.parametrize(
    ("new", "kinds", "extra"),
    [
        ([held("a")], [], 0),
        ([], [{"lost"}], 0),
        ([held("a"), held("a")], [], 1),
        ([held("a", flags=(b"\\seen",))], [{"flags"}], 0),
        ([held("a", second=2)], [{"date"}], 0),
        ([held("a", folder=b"B")], [{"folder"}], 0),
        ([held("a", body="other")], [{"octets"}], 0),
        ([held("b", body="other")], [{"octets"}], 0),
        ([held("a", body="other"), held("a")], [], 1),
    ],
)
def test_a_message_is_paired_with_what_is_most_like_it(new: list[Held], kinds: list[set[str]], extra: int) -> None:
    differences, surplus = compare([held("a")], new)
    assert [set(each.kinds) for each in differences] == kinds
    assert surplus == extra


def test_a_line_of_header_that_was_added_is_told_from_changed_text() -> None:
    added = held("a").octets.replace(b"\r\n\r\n", b"\r\nX-TUID: 1\r\n\r\n", 1)
    (difference,), _ = compare([held("a")], [Held(b"A", added, frozenset(), 1)])
    assert difference.kinds == {"header"}


def test_what_was_there_before_the_first_run_is_none_too_many_and_counts_as_a_copy() -> None:
    assert compare([held("a")], [held("a"), held("b")], [held("b")]) == ((), 0)
    assert compare([held("a")], [held("a")], [held("a")]) == ((), 0)


@pytest.mark.parametrize(
    ("line", "is_named"),
    [
        ("Err 1/1: - msg A/5 {0} could not be fetched", True),
        ("Warning: message 5 has incomplete header; skipping.", True),
        ("IMAP command 'UID FETCH 5 (BODY.PEEK[])' returned an error: NO", True),
        ("error: <a@example.org> was refused", True),
        ("Error: folder A can't be opened", True),
        ("Skipping A: it is not writable", True),
        ("Err 1/1: - msg A/6 {0} could not be fetched", False),
        ("Host1: folder [A] selected 12 messages, duplicates 1", False),
        ("copied A/5", False),
        ("Folder A is up to date (no new UIDs).", False),
        ("3 errors", False),
    ],
)
def test_a_message_is_named_by_a_line_that_speaks_of_a_fault_and_of_it(line: str, is_named: bool) -> None:
    assert (unnamed([Difference(held("a"), frozenset({"lost"}))], line) == []) is is_named


def test_an_exit_status_that_says_something_failed_is_no_silence() -> None:
    lost = (Difference(held("a"), frozenset({"lost"})),)
    assert judge([Look(1, "error", lost, 0)]) is Outcome.ERROR
    assert judge([Look(0, "", lost, 0)]) is Outcome.LOST
    assert judge([Look(0, "", lost, 0), Look(0, "", (), 0)]) is Outcome.SECOND


@pytest.mark.parametrize(
    ("expected", "there", "words"),
    [
        (Expected({"A": "a"}), {"A": ["a"]}, []),
        (Expected({"A": "a"}), {}, ["lost"]),
        (Expected({"A": "a"}), {"A": ["a", "a"]}, ["doubled"]),
        (Expected({"A": "a"}), {"B": ["a"]}, ["move not followed"]),
        (Expected({"A": "a"}, theirs=True), {"B": ["a"]}, ["member's filing undone"]),
        (Expected({"A": "a"}), {"A": ["a"], "B": ["a"]}, ["doubled"]),
        (Expected({"A": "a"}, gone=frozenset("b")), {"A": ["a", "b"]}, ["removed mail comes back"]),
        (Expected({"A": "a"}, dropped=frozenset("a")), {}, ["deletion follows"]),
        (Expected({"A": "a"}, {("A", "a"): {"\\seen"}}), {"A": ["a"]}, ["flags do not follow"]),
        (Expected({"A": "a"}, {("A", "a"): {"\\seen"}}, their_marks=True), {"A": ["a"]}, ["member's mark undone"]),
    ],
)
def test_a_history_is_told_by_what_the_new_side_holds(
    expected: Expected, there: dict[str, list[str]], words: list[str]
) -> None:
    assert wrong(expected, there, {place: set() for place in expected.flags}, list(there)) == words


@pytest.mark.needs("dovecot")
def test_a_history_passes_through_two_servers(tmp_path: Path) -> None:
    with PrivateDovecot(tmp_path / "old", format="maildir") as old, PrivateDovecot(tmp_path / "new") as new:
        for name in ("old side: a message moved", "flags set before a run that is killed"):
            row = outcome(Bascule(), name, old, new, ())
            assert row["outcome"] == "right", row
            assert not row["uncut"], row


def test_every_quirk_with_a_row_of_its_own_is_a_case() -> None:
    assert set(TELLING) <= {case.name for case in cases()}
