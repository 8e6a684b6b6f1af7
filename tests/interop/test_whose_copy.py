r"""Which copy on the target stands for which message: none for two, and none is removed that is another's. What the target says it did is looked at."""

import imaplib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, repeat
from pathlib import Path

import pytest

from model.person import Person
from support.courier import PrivateCourier
from support.dovecot import PASSWORD, PrivateDovecot
from support.hurry import bascule_in_a_hurry
from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session
from support.quirks.store import ARRIVAL
from support.quirks.syntax import Command, Hangup, No
from support.standing import look
from support.two_servers import TwoServers, text, two_servers

FLAGGED = frozenset({b"\\Flagged"})
LATER = ARRIVAL + timedelta(days=3)


# -- a target that passes over what it was asked for ------------------------------------------------------------------


class SetsNoMark(Quirk):
    r"""STORE of ``\Deleted`` is answered OK, and nothing is done."""

    def after(self, session: Session, command: Command) -> None:
        if command.verb == "UID STORE":
            for folder in session.store.folders.values():
                for message in folder.messages:
                    if b"\\Deleted" in message.flags:
                        folder.change(message, message.flags - {b"\\Deleted"})


def test_a_mark_that_the_target_does_not_set_removes_nothing_and_the_copy_is_named(tmp_path: Path) -> None:
    with two_servers(tmp_path, SetsNoMark()) as both:
        a, b = both.old.create(b"A"), both.old.create(b"B")
        for n in (1, 2):
            both.old.append(a, text(n))
        assert both.copy().status == 0
        both.move(a.messages[0], a, b)
        for _ in range(2):
            ended = both.copy()
            assert (ended.status, ended.codes) == (1, ["duplicate"])
            assert sorted(name for name, _ in both.lies(text(1))) == ["A", "B"]


@pytest.mark.needs("dovecot")
@pytest.mark.parametrize(
    ("rights", "moves"), [("lrswipkxtea", True), ("lrswipkxea", False), ("lrswipkxta", False), ("lrswipkxa", False)]
)
def test_what_the_user_has_no_right_to_remove_is_named_each_time(tmp_path: Path, rights: str, moves: bool) -> None:
    """Dovecot says OK to STORE and UID EXPUNGE all the same: RFC 4314 §4."""
    with (
        PrivateDovecot(tmp_path / "old", format="maildir") as old,
        PrivateDovecot(tmp_path / "new", acl=True) as new,
        imaplib.IMAP4("127.0.0.1", old.port) as member,
        imaplib.IMAP4("127.0.0.1", new.port) as there,
    ):
        for client in (member, there):
            client.login("anna", PASSWORD)
        for name in ("A", "B"):
            member.create(name)
        for n in (1, 2):
            member.append("A", None, None, text(n))  # type: ignore[arg-type]  # imaplib takes None

        def run() -> int:
            words = ("copy", old.url("anna"), new.url("anna"), "--state", tmp_path / "state", "--quiet")
            return bascule_in_a_hurry(tmp_path, *words).returncode

        assert run() == 0
        there.setacl("A", "anna", rights)
        member.select("A")
        member.uid("MOVE", "1", "B")
        member.unselect()
        for _ in range(2):
            assert run() == (0 if moves else 1)
            there.select("A", readonly=True)
            told = there.uid("FETCH", "1:*", "(FLAGS)")[1]
            there.unselect()
            assert len(told) == (1 if moves else 2)
            assert not any(b"\\Deleted" in one for one in told if isinstance(one, bytes))


# -- what was in doubt ------------------------------------------------------------------------------------------------


class CutBehindAppend(Quirk):
    """While it is on, the first APPEND is taken and its answer never heard, and the folder does not open any more."""

    is_on = has_cut = False

    def before(self, session: Session, command: Command) -> None:
        if self.is_on and self.has_cut and command.verb == "SELECT" and command.arguments[0] == b"A":
            raise No("not now")

    def after(self, session: Session, command: Command) -> None:
        if self.is_on and command.verb == "APPEND":
            self.has_cut = True
            raise Hangup


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("theirs", ["of another day", "flagged"])
def test_what_is_settled_of_a_cut_batch_takes_no_other_copy(tmp_path: Path, theirs: str, batch: int) -> None:
    """One of the batch moves on before the next run, the other one stays in doubt; an equal message of the member's lies beside."""
    with two_servers(tmp_path, target := CutBehindAppend()) as both:
        a, b = both.old.create(b"A"), both.old.create(b"B")
        both.old.append(a, text(9))
        assert both.copy().status == 0
        for n in range(1, batch + 1):
            both.old.append(a, text(n))
        target.is_on = True
        assert both.copy().status != 0
        target.is_on = False
        both.move(a.messages[1], a, b)
        new = both.new.folders[b"A"]
        flags, date = (FLAGGED, ARRIVAL) if theirs == "flagged" else (frozenset(), LATER)
        other = both.new.append(new, text(1), flags, date)
        for _ in range(2):
            assert both.copy().status == 0
            assert [m for m in new.messages if m.octets == text(1)] == [other]
            assert "B" in [name for name, _ in both.lies(text(1))]


# -- a copy that was named as one too many ----------------------------------------------------------------------------


class Rival(Quirk):
    """An equal message comes right before ours, and somebody flags ours at once."""

    has_come = has_marked = False

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        if not self.has_come:
            self.has_come = True
            session.store.append(folder, message.octets, message.flags, message.date)
        return message

    def after(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and not self.has_marked:
            self.has_marked = True
            folder = session.store.folders[b"INBOX"]
            folder.change(folder.messages[1], FLAGGED)


def test_no_message_stands_on_a_copy_that_somebody_is_asked_to_remove(tmp_path: Path) -> None:
    with two_servers(tmp_path, Rival()) as both:
        inbox, work = both.old.folders[b"INBOX"], both.old.create(b"Work")
        both.old.append(inbox, text(1))
        assert both.copy().codes == ["duplicate"]
        both.old.append(inbox, text(1))
        assert both.copy().codes == ["duplicate"]
        new = both.new.folders[b"INBOX"]
        assert len(new.messages) == 3  # two of them ours
        new.remove([new.messages[1]])
        assert (both.copy().codes, len(new.messages)) == ([], 2)
        both.move(inbox.messages[1], inbox, work)
        for _ in range(2):
            assert both.copy().status == 0
            assert sorted(name for name, _ in both.lies(text(1))) == ["INBOX", "Work"]


# -- equal messages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"\\Deleted", b"\\Seen", b"Keyword"])
def test_of_equal_copies_each_message_has_the_one_with_its_flags(tmp_path: Path, mark: bytes) -> None:
    """No earlier run is remembered, and the target has them in another order."""
    with two_servers(tmp_path) as both:
        old, new = both.old.folders[b"INBOX"], both.new.folders[b"INBOX"]
        for store, folder, order in ((both.old, old, (mark, b"")), (both.new, new, (b"", mark))):
            for flag in order:
                store.append(folder, text(1), [flag] if flag else [])
        assert both.copy().status == 0
        assert len(new.messages) == 2
        for message in list(old.messages):
            old.change(message, message.flags | {b"\\Answered"})
        for _ in range(2):
            assert both.copy().status == 0
        assert [m.flags for m in new.messages] == [{b"\\Answered"}, {b"\\Answered", mark}]


def test_of_equal_copies_each_message_has_the_one_of_its_date(tmp_path: Path) -> None:
    """Another program brought the later one alone."""
    with two_servers(tmp_path) as both:
        old, new = both.old.folders[b"INBOX"], both.new.folders[b"INBOX"]
        both.old.append(old, text(1), [b"\\Seen"], ARRIVAL)
        both.old.append(old, text(1), [], LATER)
        both.new.append(new, text(1), [], LATER)
        for _ in range(2):
            assert both.copy().status == 0

        def dated(folder: Folder) -> list[tuple[datetime, frozenset[bytes]]]:
            return sorted(((m.date, m.flags) for m in folder.messages), key=lambda one: one[0])

        assert dated(new) == dated(old)


# -- a target that ends what has no end -------------------------------------------------------------------------------

UNENDED = [b"Subject: 1\r\n\r\nno end", b"Subject: 2\r\n\r\n", b"Subject: 3\r\n", b"Subject: 4"]


class Ends(Quirk):
    """As Courier and Dovecot's mbox do. ``cuts``: the first answer to APPEND is not heard."""

    cuts = False

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        octets = message.octets if message.octets.endswith(b"\n") else message.octets + b"\r\n"
        header, _, body = octets.partition(b"\r\n\r\n")
        return replace(message, octets=octets if body else header.removesuffix(b"\r\n") + 3 * b"\r\n")

    def after(self, session: Session, command: Command) -> None:
        if self.cuts and command.verb == "APPEND":
            self.cuts = False
            raise Hangup


@pytest.mark.parametrize("what", ["its answer is cut", "its state is lost"])
def test_a_message_that_the_target_ended_is_known_again(tmp_path: Path, what: str) -> None:
    with two_servers(tmp_path, target := Ends()) as both:
        for octets in UNENDED:
            both.old.append(both.old.folders[b"INBOX"], octets)
        target.cuts = what == "its answer is cut"
        words = ["--state", tmp_path / "first"] if not target.cuts else []
        both.copy(*words)
        for _ in range(2):
            assert set(both.copy().codes) == {"altered"}
            assert len(both.new.folders[b"INBOX"].messages) == len(UNENDED)


@pytest.mark.needs("dovecot", "courier")
def test_courier_s_last_line_end_is_known_again(tmp_path: Path) -> None:
    with PrivateDovecot(tmp_path / "old") as old, PrivateCourier() as new, Person(old.port, "anna") as member:
        for n in range(1, 6):
            member.append("INBOX", text(n).removesuffix(b"\r\n"))
        for state in ("one", "another"):
            words = ("copy", old.url("anna"), new.url("anna"), "--state", tmp_path / state, "--quiet")
            assert bascule_in_a_hurry(tmp_path, *words).returncode == 1
            assert len(look(new.port, "anna")[b"INBOX"].messages) == 5


# -- folders that have one UIDVALIDITY --------------------------------------------------------------------------------


@contextmanager
def of_one_validity(tmp: Path, new: Quirk | None = None) -> Iterator[TwoServers]:
    """Courier gives it by the second: folders that a run makes have one."""
    with two_servers(tmp, new) as both:
        both.new._validities = repeat(1_600_000_001)  # type: ignore[assignment]  # gives numbers, as what it stands for
        both.new.folders[b"INBOX"].uidvalidity = 1_600_000_001
        yield both


@pytest.mark.parametrize("what", ["a cut answer", "a lost state"])
def test_equal_messages_under_one_uid_are_those_of_two_folders(tmp_path: Path, what: str) -> None:
    target = Ends()
    with of_one_validity(tmp_path, target) as both:
        for folder in (both.old.create(b"A"), both.old.create(b"B")):
            for n in (1, 2):
                both.old.append(folder, text(n))
        target.cuts = what == "a cut answer"
        both.copy(*([] if target.cuts else ["--state", tmp_path / "first"]))
        for _ in range(2):
            assert both.copy().status == 0
            assert [sorted(name for name, _ in both.lies(text(n))) for n in (1, 2)] == [["A", "B"]] * 2


def test_another_message_s_mark_is_not_ours(tmp_path: Path) -> None:
    """Under the UID of what moved away another one is marked as deleted, in a folder of the same UIDVALIDITY."""
    with of_one_validity(tmp_path) as both:
        a, b, c = (both.old.create(name) for name in (b"A", b"B", b"C"))
        for n, folder in ((1, a), (2, b), (3, c)):
            both.old.append(folder, text(n))
        assert both.copy().status == 0
        other = both.new.folders[b"B"]
        other.change(other.messages[0], frozenset({b"\\Deleted"}))
        both.move(a.messages[0], a, c)
        assert both.copy().status == 0
        assert [name for name, _ in both.lies(text(1))] == ["C"]
        assert other.messages[0].flags == {b"\\Deleted"}


@pytest.mark.parametrize("anew", [True, False], ids=["which is made anew", "which is there no more"])
def test_no_copy_of_the_folder_that_has_this_name_now_goes(tmp_path: Path, anew: bool) -> None:
    """It had another name, under which our mark is not seen: it is in this one, which nothing tells from the one that is gone."""
    with of_one_validity(tmp_path) as both:
        a, b, d = (both.old.create(name) for name in (b"A", b"B", b"D"))
        for n, folder in ((1, a), (1, b), (2, b), (3, d)):
            both.old.append(folder, text(n))
        assert both.copy().status == 0
        both.new._validities = count(1_600_000_100)
        del both.new.folders[b"A"]
        renamed = both.new.folders[b"A"] = both.new.folders.pop(b"B")
        renamed.name = b"A"
        if anew:
            both.new.create(b"B")
        both.move(a.messages[0], a, d)
        for _ in range(2):
            assert (ended := both.copy()).codes == ["duplicate"], ended
            assert sorted(both.lies(text(1))) == [("A", frozenset()), ("D", frozenset())]


def test_a_folder_that_the_member_deleted_keeps_nothing_from_making_way(tmp_path: Path) -> None:
    """It had the UIDVALIDITY of the others, and copies under the same UIDs."""
    with of_one_validity(tmp_path) as both:
        a, b, c = (both.old.create(name) for name in (b"A", b"B", b"C"))
        for n, folder in ((1, a), (2, a), (3, b), (4, c), (5, c)):
            both.old.append(folder, text(n))
        assert both.copy().status == 0
        del both.new.folders[b"C"]
        both.move(a.messages[0], a, b)
        for _ in range(2):
            assert both.copy().status == 0
            assert both.lies(text(1)) == [("B", frozenset())]


class TwoNames(Quirk):
    """A is listed as B, too. ``closed``: B does not open once something was marked."""

    closed = has_marked = False

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        return [*lines, *(re.sub(rb'"?A"?$', b"B", line) for line in lines if line.endswith((b' "A"', b" A")))]

    def before(self, session: Session, command: Command) -> None:
        self.has_marked |= command.verb == "UID STORE"
        if self.closed and self.has_marked and command.verb == "SELECT" and command.arguments[0] == b"B":
            raise No("[NOPERM] no")


@pytest.mark.parametrize("closed", [False, True])
def test_of_a_folder_with_two_names_no_copy_goes_though_one_of_them_can_not_be_opened(
    tmp_path: Path, closed: bool
) -> None:
    with two_servers(tmp_path, target := TwoNames()) as both:
        a, b = both.old.create(b"A"), both.old.create(b"B")
        both.new.folders[b"B"] = both.new.create(b"A")
        for n, folder in ((1, a), (2, a), (3, b)):
            both.old.append(folder, text(n))
        assert both.copy().status == 0
        both.move(a.messages[0], a, b)
        target.closed = closed
        assert both.copy().codes == (["duplicate"] if closed else [])
        target.closed = False
        for _ in range(2):
            assert both.copy().status == 0
            assert sorted(m.octets for m in both.new.folders[b"A"].messages) == sorted(map(text, (1, 2, 3)))


# -- our mark ---------------------------------------------------------------------------------------------------------


class Refuses(Quirk):
    """These commands, once each."""

    def __init__(self, *verbs: str) -> None:
        self.left: list[str] = []
        self.verbs = verbs

    def before(self, session: Session, command: Command) -> None:
        if self.left and command.verb == self.left[0]:
            self.left.pop(0)
            raise No("[UNAVAILABLE] not now")


@pytest.mark.parametrize("validity", [0, 1000], ids=["", "though the UIDs are others"])
def test_a_mark_that_could_not_be_taken_off_is_taken_off_by_the_next_run(tmp_path: Path, validity: int) -> None:
    """UID EXPUNGE is refused, and then each STORE that takes our mark off; the member removes the later copy."""
    with two_servers(tmp_path, target := Refuses("UID EXPUNGE", "UID STORE", "UID STORE")) as both:
        a, b = both.old.create(b"A"), both.old.create(b"B")
        for n in (1, 2):
            both.old.append(a, text(n))
        assert both.copy().status == 0
        both.move(a.messages[0], a, b)
        target.left = list(target.verbs)
        assert both.copy().codes == ["duplicate"]
        assert both.lies(text(1))[0] == ("A", frozenset({b"\\Deleted"}))
        later = both.new.folders[b"B"]
        later.remove(list(later.messages))
        both.new.folders[b"A"].uidvalidity += validity
        for _ in range(2):
            assert both.copy().status == 0
            assert both.lies(text(1)) == [("A", frozenset())]


# -- what is no move --------------------------------------------------------------------------------------------------


def test_an_equal_message_of_another_date_inherits_nothing(tmp_path: Path) -> None:
    """One was deleted in a folder that both sides renamed alike since; the other came later."""
    with two_servers(tmp_path) as both:
        folder = both.old.create(b"F")
        both.old.append(folder, text(1))
        both.old.append(folder, text(2))
        assert both.copy().status == 0
        folder.remove([folder.messages[0]])
        assert both.copy().status == 0
        for store in (both.old, both.new):
            store.folders[b"H"] = store.folders.pop(b"F")
            store.folders[b"H"].name = b"H"
        assert both.copy().status == 0
        both.old.append(folder, text(1), [], LATER)
        for _ in range(2):
            assert both.copy().status == 0
        assert both.verify() == 0


@pytest.mark.parametrize("deed", ["", "moves", "flags"])
def test_the_target_s_own_folder_stays_with_the_one_whose_mail_lies_in_it(tmp_path: Path, deed: str) -> None:
    """The sent folder of the old side gets another name, and one of the first name is made again. Nobody does anything on the new side."""
    with two_servers(tmp_path) as both:
        own = both.new.create(b"Gesendet", b"\\Sent")
        sent = both.old.create(b"Sent", b"\\Sent")
        for n in (1, 2, 3):
            both.old.append(sent, text(n))
        assert both.copy().status == 0
        both.old.folders[b"Sent Messages"] = both.old.folders.pop(b"Sent")
        sent.name = b"Sent Messages"
        assert both.copy().status == 0
        both.old.append(both.old.create(b"Sent"), text(7))
        both.old.append(sent, text(8))
        if deed == "moves":
            both.move(sent.messages[1], sent, both.old.folders[b"INBOX"])
        elif deed == "flags":
            sent.change(sent.messages[0], FLAGGED)
        for _ in range(2):
            assert both.copy().status == 0
            assert [m.octets for m in both.new.folders[b"Sent"].messages] == [text(7)]
            assert sorted((m.octets, m.flags) for m in own.messages) == sorted(
                (m.octets, m.flags) for m in sent.messages
            )
