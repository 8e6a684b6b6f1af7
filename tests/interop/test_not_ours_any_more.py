"""A UID of ours under which another message lies: it is the member's, gets no flags of ours, and is never removed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from support.quirks import Folder, Message, Quirk
from support.quirks.keeping import IgnoresDates, RoundsDates
from support.quirks.quirk import Codes
from support.quirks.reading import SizeAbsent, SizeWrong
from support.quirks.server import Session
from support.quirks.store import ARRIVAL
from support.two_servers import TwoServers, text, two_servers

OWN = b"Subject: the member's own\r\n\r\nnowhere else\r\n"
LATER = ARRIVAL + timedelta(days=2000)
NONE: frozenset[bytes] = frozenset()


def two_folders(both: TwoServers, count: int) -> tuple[Folder, Folder]:
    """A, with so many messages, and B, which is empty."""
    a, b = both.old.create(b"A"), both.old.create(b"B")
    for number in range(1, count + 1):
        both.old.append(a, text(number), (), ARRIVAL + timedelta(hours=number))
    return a, b


def test_mail_that_came_after_the_target_was_restored_is_not_removed_for_the_message_whose_uid_it_has(
    tmp_path: Path,
) -> None:
    with two_servers(tmp_path) as both:
        a, b = two_folders(both, 2)
        both.copy()
        restored = both.new.folders[b"A"]
        restored.remove(restored.messages[1:])
        restored.uidnext = 2  # the backup is of before the second message
        both.new.append(restored, OWN, (), LATER)
        both.move(a.messages[1], a, b)
        assert both.copy().status == 0
        assert both.lies(OWN) == [("A", NONE)]


def test_mail_that_came_after_the_target_was_restored_gets_no_flags_of_the_message_whose_uid_it_has(
    tmp_path: Path,
) -> None:
    with two_servers(tmp_path) as both:
        a, _ = two_folders(both, 2)
        both.copy()
        restored = both.new.folders[b"A"]
        restored.remove(restored.messages[1:])
        restored.uidnext = 2
        both.new.append(restored, OWN, (), LATER)
        for message in a.messages:
            a.change(message, {b"\\Flagged"})
        ended = both.copy()
        assert (ended.status, ended.report["totals"]["removed"]) == (0, 1)
        assert both.lies(OWN) == [("A", NONE)]
        assert both.lies(text(1)) == [("A", {b"\\Flagged"})]


def test_a_folder_whose_uidnext_fell_is_looked_at_in_full(tmp_path: Path) -> None:
    """Its messages have other UIDs now; they are found by content."""
    with two_servers(tmp_path) as both:
        a, b = two_folders(both, 3)
        both.copy()
        restored = both.new.folders[b"A"]
        restored.messages[:] = restored.messages[2:]
        restored.messages[0].uid, restored.uidnext = 1, 2
        both.move(a.messages[2], a, b)
        assert both.copy().status == 0
        assert both.lies(text(3)) == [("B", NONE)]


def test_a_folder_of_the_members_own_with_the_uidvalidity_of_one_that_they_deleted_is_not_taken_for_it(
    tmp_path: Path,
) -> None:
    with two_servers(tmp_path) as both:
        a, b = two_folders(both, 2)
        both.copy()
        deleted = both.new.folders.pop(b"A")
        theirs = both.new.create(b"Theirs")
        theirs.uidvalidity = deleted.uidvalidity  # made in the same second
        for number in range(3):
            both.new.append(theirs, OWN, (), LATER + timedelta(days=number))
        both.move(a.messages[1], a, b)
        a.change(a.messages[0], {b"\\Seen"})
        both.old.append(a, text(7))
        assert both.copy().status == 0
        both.old.append(b, text(8))
        both.old.append(a, text(9))
        assert both.copy().status == 0
        assert [message.octets for message in theirs.messages] == [OWN] * 3
        assert both.lies(OWN) == [("Theirs", NONE)] * 3
        assert both.lies(text(7)) + both.lies(text(9)) == [("A", NONE)] * 2


def test_a_folder_that_the_member_renamed_and_filled_is_known_by_what_is_left_of_ours(tmp_path: Path) -> None:
    with two_servers(tmp_path) as both:
        a, _ = two_folders(both, 3)
        both.copy()
        renamed = both.new.folders[b"Renamed"] = both.new.folders.pop(b"A")
        renamed.name = b"Renamed"
        renamed.remove(renamed.messages[:2])
        both.new.append(renamed, OWN, (), LATER)
        both.old.append(a, text(7))
        assert both.copy().status == 0
        assert both.lies(text(7)) == [("Renamed", NONE)]


class UidsOfOneSession(Quirk):
    """The UIDs last no longer than the session, as it says (RFC 4315 §3)."""

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return {**codes, "UIDNOTSTICKY": b""}


def renumber(folder: Folder) -> None:
    folder.messages.reverse()
    for uid, message in enumerate(folder.messages, 1):
        message.uid = uid


def test_where_uids_do_not_last_nothing_is_removed_and_what_is_in_two_places_is_named(tmp_path: Path) -> None:
    with two_servers(tmp_path, UidsOfOneSession()) as both:
        a, b = two_folders(both, 3)
        assert both.copy().status == 0
        both.new.append(both.new.folders[b"A"], OWN, (), LATER)
        renumber(both.new.folders[b"A"])
        both.move(a.messages[0], a, b)
        a.change(a.messages[0], {b"\\Seen"})
        ended = both.copy()
        assert (ended.status, ended.codes) == (1, ["duplicate"])
        assert both.lies(OWN) == [("A", NONE)]
        assert sorted(both.lies(text(1))) == [("A", NONE), ("B", NONE)]
        assert both.lies(text(2)) == [("A", {b"\\Seen"})]


class AltersMail(Quirk):
    """A line is added to what it takes, and its date is that of the day."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        return replace(message, octets=b"X-Seen-By: a filter\r\n" + message.octets, date=LATER)


class AddsALine(AltersMail):
    """The date is kept."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        return replace(super().arriving(session, folder, message), date=message.date)


OTHERWISE = [
    *(
        (quirk, level)
        for quirk in (IgnoresDates, RoundsDates, SizeWrong, SizeAbsent, AddsALine)
        for level in ("none", "delivered")
    ),
    (AltersMail, "delivered"),
]


@pytest.mark.parametrize(("quirk", "level"), OTHERWISE)
def test_a_copy_that_the_target_keeps_or_tells_otherwise_is_ours_all_the_same(
    tmp_path: Path, quirk: type[Quirk], level: str
) -> None:
    with two_servers(tmp_path, quirk()) as both:
        a, b = two_folders(both, 2)
        for message in a.messages:
            message.date += timedelta(seconds=7)
        both.copy("--verify", level)
        a.change(a.messages[0], {b"\\Flagged"})
        both.move(a.messages[1], a, b)
        both.copy("--verify", level)
        [first], [second] = (both.new.folders[name].messages for name in (b"A", b"B"))
        assert (first.flags, text(2) in second.octets) == ({b"\\Flagged"}, True)


def test_what_was_never_read_back_and_is_altered_beyond_recognition_is_neither_touched_nor_called_removed(
    tmp_path: Path,
) -> None:
    with two_servers(tmp_path, AltersMail()) as both:
        a, b = two_folders(both, 2)
        both.copy("--verify", "none")
        a.change(a.messages[0], {b"\\Flagged"})
        both.move(a.messages[1], a, b)
        ended = both.copy("--verify", "none")
        assert (ended.status, ended.codes, ended.report["totals"]["removed"]) == (1, ["duplicate"], 0)
        assert [message.flags for message in both.new.folders[b"A"].messages] == [NONE, NONE]
