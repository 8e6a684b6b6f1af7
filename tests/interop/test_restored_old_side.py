"""The old server is restored from a backup, and gives UIDs again under the same UIDVALIDITY: what comes under them is read, and nothing is
sent twice. A server whose UIDNEXT is merely odd is not read from the start each night."""

import copy
from datetime import timedelta
from pathlib import Path

import pytest

from support import messages
from support.hurry import bascule_in_a_hurry
from support.nights import Nights
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.quirk import Codes
from support.quirks.server import Session
from support.quirks.store import ARRIVAL, Folder, Message
from support.quirks.syntax import Command, Hangup


class KeepsNoModseq(Quirk):
    """Every folder is surveyed in each run."""

    without = frozenset({"CONDSTORE", "QRESYNC"})


class TellsNoUidnext(KeepsNoModseq):
    """UIDNEXT is not told, so that it is reckoned from the last UID."""

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return {name: value for name, value in codes.items() if name != "UIDNEXT"}

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {name: value for name, value in items.items() if name != "UIDNEXT"}


class ReckonsUidnext(KeepsNoModseq):
    """UIDNEXT is the highest UID that is there, and one."""

    def _told(self, folder: Folder, items: Codes) -> Codes:
        return {**items, "UIDNEXT": b"%d" % (max([m.uid for m in folder.messages], default=0) + 1)}

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return self._told(folder, codes)

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return self._told(folder, items) if "UIDNEXT" in items else items


QUIRKS = [Quirk, KeepsNoModseq, TellsNoUidnext, ReckonsUidnext]


def add(store: Store, folder: Folder, *numbers: int, dated: bool = True) -> None:
    for number in numbers:
        store.append(folder, messages.plain(number, 400), [], ARRIVAL + timedelta(hours=number if dated else 0))


def restore(folder: Folder, uidnext: int) -> None:
    """As it was when this UIDNEXT was the next one."""
    folder.messages = [message for message in folder.messages if message.uid < uidnext]
    folder.uidnext, folder.modseq = uidnext, uidnext
    folder.vanished.clear()


def held(store: Store) -> list[bytes]:
    return sorted(message.octets for message in store.folders[b"INBOX"].messages)


def plain(*numbers: int) -> list[bytes]:
    return sorted(messages.plain(number, 400) for number in numbers)


def read(source: QuirkServer) -> int:
    """How many messages were asked for in full since this was asked last."""
    asked = [c.line for c in source.commands if b"BODY.PEEK[]" in c.line]
    source.commands.clear()
    return sum(_number(line.split()[3]) for line in asked)


def _number(uids: bytes) -> int:
    ends = [piece.split(b":") for piece in uids.split(b",")]
    return sum(int(end[-1]) - int(end[0]) + 1 for end in ends)


@pytest.mark.parametrize("dated", [True, False], ids=["later", "same-second"])
@pytest.mark.parametrize("quirk", QUIRKS)
def test_what_comes_under_uids_that_were_given_before_is_copied(
    tmp_path: Path, quirk: type[Quirk], *, dated: bool
) -> None:
    """What was lost with the backup stays on the new side, as what was deleted does."""
    old = Store()
    inbox = old.folders[b"INBOX"]
    add(old, inbox, 1, 2, 3, 4, 5, dated=dated)
    with QuirkServer(quirk(), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        restore(inbox, 4)
        add(old, inbox, 11, dated=dated)
        if dated:
            add(old, inbox, 12, 13, 14)
        before = night.verify()
        second = night.copy()
        third, after = night.copy(), night.verify()
    new = (11, 12, 13, 14) if dated else (11,)
    assert held(target.store) == plain(1, 2, 3, 4, 5, *new)
    assert "the old side gives UIDs again" in second.stderr
    assert before.returncode == 1
    assert "no run has dealt with it" in before.stdout
    assert [done.returncode for done in (second, third, after)] == [0, 0, 0], after.stdout
    assert "the old side gives UIDs again" not in third.stderr


@pytest.mark.parametrize("quirk", QUIRKS)
def test_what_has_another_uid_since_is_known_again(tmp_path: Path, quirk: type[Quirk]) -> None:
    """Its sender sent it once more, behind another."""
    old = Store()
    inbox = old.folders[b"INBOX"]
    add(old, inbox, 1, 2, 3, 4, 5)
    with QuirkServer(quirk(), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        restore(inbox, 4)
        add(old, inbox, 11, 4, 5)
        before = night.verify()
        done, after = night.copy(), night.verify()
    assert held(target.store) == plain(1, 2, 3, 4, 5, 11)
    assert before.stdout.count("no run has dealt with it") == 1
    assert (done.returncode, after.returncode) == (0, 0), after.stdout


class HangsUpWhileReading(KeepsNoModseq):
    """Once ``left`` messages or windows of them were given, the connection ends at each; None: it never does."""

    left: int | None = None

    def before(self, session: Session, command: Command) -> None:
        if self.left is not None and b"BODY.PEEK[]" in command.line:
            if self.left == 0:
                raise Hangup
            self.left -= 1


@pytest.mark.parametrize("given", [0, 1, 2, 3])
def test_a_run_that_ends_while_all_is_read_again_is_gone_on_with(tmp_path: Path, given: int) -> None:
    old = Store()
    inbox = old.folders[b"INBOX"]
    add(old, inbox, 1, 2, 3, 4, 5)
    with QuirkServer(quirk := HangsUpWhileReading(), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        restore(inbox, 4)
        add(old, inbox, 11, 4, 12)
        quirk.left = given
        assert night.copy().returncode != 0
        quirk.left = None
        assert night.copy().returncode == 0
        assert night.verify().returncode == 0
    assert held(target.store) == plain(1, 2, 3, 4, 5, 11, 12)


@pytest.mark.parametrize("quirk", QUIRKS)
def test_capture_keeps_it_too(tmp_path: Path, quirk: type[Quirk]) -> None:
    old = Store()
    inbox = old.folders[b"INBOX"]
    add(old, inbox, 1, 2, 3, 4, 5)
    with QuirkServer(quirk(), old) as source:
        words = ["capture", source.url, tmp_path / "m.mailbox", "--quiet"]
        bascule_in_a_hurry(tmp_path, *words)
        restore(inbox, 4)
        add(old, inbox, 11, 12, 13)
        assert bascule_in_a_hurry(tmp_path, *words).returncode == 0
        bascule_in_a_hurry(tmp_path, "export", "--format", "eml", tmp_path / "m.mailbox", tmp_path / "out")
    assert bascule_in_a_hurry(tmp_path, "check", tmp_path / "m.mailbox").returncode == 0
    assert sorted(path.read_bytes() for path in (tmp_path / "out").rglob("*.eml")) == plain(1, 2, 3, 11, 12, 13)


@pytest.mark.parametrize("quirk", [TellsNoUidnext, ReckonsUidnext])
def test_a_last_message_that_goes_does_not_have_all_read_again(tmp_path: Path, quirk: type[Quirk]) -> None:
    """Night after night. What comes under its UID, on a server that gives it again, is read all the same."""
    old = Store()
    inbox = old.folders[b"INBOX"]
    add(old, inbox, *range(1, 101))
    with QuirkServer(quirk(), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        read(source)
        for gone in range(1, 5):
            inbox.remove(inbox.messages[-1:])
            assert night.copy().returncode == 0
            assert read(source) <= (20 if gone == 1 else 1)
        inbox.uidnext = inbox.messages[-1].uid + 1
        add(old, inbox, 200)
        night.copy()
    assert plain(200)[0] in held(target.store)


def test_as_many_new_messages_as_were_lost_are_copied(tmp_path: Path) -> None:
    """UIDNEXT, the number of messages and HIGHESTMODSEQ are what they were."""
    old = Store()
    inbox = old.folders[b"INBOX"]
    add(old, inbox, 1, 2, 3, 4, 5)
    with QuirkServer(Quirk(), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        before = (inbox.uidnext, inbox.modseq)
        restore(inbox, 4)
        add(old, inbox, 11, 12)
        assert (inbox.uidnext, inbox.modseq) == before
        assert night.copy().returncode == 0
    assert held(target.store) == plain(1, 2, 3, 4, 5, 11, 12)


def test_where_highestmodseq_fell_anywhere_no_folder_is_taken_for_unchanged(tmp_path: Path) -> None:
    """It is one of many, and not of those to which messages came last."""
    old = Store()
    quiet = old.create(b"Quiet")
    add(old, quiet, 1, 2, 3, 4, 5)
    for name in (b"A", b"B", b"C", b"D"):
        add(old, old.create(name), 21, 22, 23, 24, 25)
    with QuirkServer(Quirk(), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        restore(old.folders[b"D"], 5)
        restore(quiet, 4)
        add(old, quiet, 6, 7)
        assert night.copy().returncode == 0
    assert {m.octets for m in target.store.folders[b"Quiet"].messages} == set(plain(1, 2, 3, 4, 5, 6, 7))


class WritesAnew(KeepsNoModseq):
    """Every message has other octets each time it is read, as where a server makes it of what it has in another form; sizes are estimates."""

    times = 0

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        self.times += 1
        written = {name: value.replace(b": number", b": %06d" % self.times) for name, value in items.items()}
        return [{**written, "RFC822.SIZE": b"9999"} if "RFC822.SIZE" in items else written]


def test_a_server_that_writes_its_messages_anew_gives_no_uids_again(tmp_path: Path) -> None:
    """All would be sent a second time."""
    old = Store()
    inbox = old.folders[b"INBOX"]
    add(old, inbox, 1, 2, 3, 4, 5)
    with QuirkServer(WritesAnew(), old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        add(old, inbox, 6)
        night.copy()
    assert len(held(target.store)) == 6


@pytest.mark.parametrize("to", [b"Archive", b"INBOX"], ids=["to another folder", "back to its own"])
@pytest.mark.parametrize("member", ["does nothing", "removes it"])
def test_what_had_moved_before_its_server_was_restored_is_moved_back(tmp_path: Path, to: bytes, member: str) -> None:
    """It has its old UID again, which is far below UIDNEXT, and which the last night did not see."""
    old, new = Store(), Store()
    inbox = old.folders[b"INBOX"]
    old.create(b"Archive")
    add(old, inbox, 1, 2)
    with QuirkServer(store=old) as source, QuirkServer(store=new) as target:
        night = Nights(tmp_path, source, target)
        assert night.copy().returncode == 0
        backup = copy.deepcopy(old.folders)
        moved = inbox.messages[1]
        inbox.remove([moved])
        old.append(old.folders[to], moved.octets, moved.flags, moved.date)
        assert night.copy().returncode == 0
        if member == "removes it":
            there = new.folders[to]
            there.remove([message for message in there.messages if message.octets == moved.octets])
            assert night.copy().returncode == 0
        old.folders.clear()
        old.folders.update(backup)
        for _ in range(2):
            assert night.copy().returncode == 0
            assert held(new) == (plain(1) if member == "removes it" else plain(1, 2))
            assert not new.folders[b"Archive"].messages


def test_folders_that_are_gone_take_no_place_of_those_that_hold_the_latest_mail(tmp_path: Path) -> None:
    old = Store()
    inbox = old.folders[b"INBOX"]
    add(old, inbox, 1, 2, 3, 4, 5)
    for number, name in enumerate((b"A", b"B", b"C"), 100):
        add(old, old.create(name), number)
    with QuirkServer(store=old) as source, QuirkServer() as target:
        night = Nights(tmp_path, source, target)
        night.copy()
        for name in (b"A", b"B", b"C"):
            del old.folders[name]
        night.copy()
        numbers = inbox.uidnext, inbox.modseq
        inbox.messages.pop()
        inbox.uidnext, inbox.modseq = inbox.uidnext - 1, inbox.modseq - 1
        add(old, inbox, 6)
        assert (inbox.uidnext, inbox.modseq) == numbers
        assert night.copy().returncode == 0
        assert messages.plain(6, 400) in held(target.store)
