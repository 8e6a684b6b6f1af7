"""An equal message that arrives beside ours while we deliver: which one goes, and which is somebody's and stays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.quirks import Folder, Message, Quirk, Store
from support.quirks.server import Session
from support.quirks.store import ARRIVAL
from support.quirks.syntax import Command, Hangup
from support.two_servers import TwoServers, text, two_servers

SEEN = frozenset({b"\\Seen"})
TODAY = datetime(2026, 11, 1, tzinfo=UTC)
COUNT = 3
Put = Callable[[Store], None]


def fill(both: TwoServers) -> None:
    for number in range(1, COUNT + 1):
        both.old.append(both.old.folders[b"INBOX"], text(number), SEEN, dated(number))


def dated(number: int) -> datetime:
    return ARRIVAL + timedelta(hours=number)


def inbox(both: TwoServers) -> list[tuple[bytes, datetime, frozenset[bytes]]]:
    return sorted(
        ((m.octets, m.date, m.flags) for m in both.new.folders[b"INBOX"].messages), key=lambda one: (one[0], one[1])
    )


def as_sent() -> list[tuple[bytes, datetime, frozenset[bytes]]]:
    return [(text(number), dated(number), SEEN) for number in range(1, COUNT + 1)]


class CutOnce(Quirk):
    """The first batch is cut, and nothing of it is kept; behind the second something happens."""

    def __init__(self, put: Put) -> None:
        self.put = put
        self.batches = 0

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            self.batches += 1
            if self.batches == 1:
                raise Hangup

    def after(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and self.batches == 2:
            self.put(session.store)
            self.batches += 1


def put(flags: frozenset[bytes], date: datetime) -> Put:
    """Message 1 comes again."""
    return lambda store: store.append(store.folders[b"INBOX"], text(1), flags, date) and None


def test_what_a_person_put_beside_a_batch_that_was_sent_again_is_theirs(tmp_path: Path) -> None:
    theirs = frozenset({b"\\Flagged", b"Important"})
    with two_servers(tmp_path, CutOnce(put(theirs, TODAY))) as both:
        fill(both)
        ended = both.copy()
        assert (ended.status, ended.codes) == (0, [])
        assert inbox(both) == sorted([*as_sent(), (text(1), TODAY, theirs)], key=lambda one: (one[0], one[1]))


def test_the_newer_copy_of_a_batch_that_was_committed_late_is_removed(tmp_path: Path) -> None:
    with two_servers(tmp_path, CutOnce(put(SEEN, dated(1)))) as both:
        fill(both)
        assert both.copy().status == 0
        assert inbox(both) == as_sent()
        assert [message.uid for message in both.new.folders[b"INBOX"].messages] == [1, 2, 3]


def test_a_late_copy_that_somebody_marked_stays_and_is_named(tmp_path: Path) -> None:
    marked = SEEN | {b"\\Flagged"}
    with two_servers(tmp_path, CutOnce(put(marked, dated(1)))) as both:
        fill(both)
        ended = both.copy()
        assert (ended.status, ended.codes) == (1, ["duplicate"])
        assert inbox(both) == [as_sent()[0], (text(1), dated(1), marked), *as_sent()[1:]]


class CutOnceAndCommittedBefore(CutOnce):
    """What happens, happens moments before the second batch is taken."""

    def before(self, session: Session, command: Command) -> None:
        super().before(session, command)
        if command.verb == "APPEND" and self.batches == 2:
            self.put(session.store)
            self.batches += 1


@pytest.mark.parametrize("flags", [SEEN, SEEN | {b"\\Flagged"}], ids=["as sent", "marked"])
def test_where_the_late_copy_is_the_older_one_ours_goes(tmp_path: Path, flags: frozenset[bytes]) -> None:
    with two_servers(tmp_path, CutOnceAndCommittedBefore(put(flags, dated(1)))) as both:
        fill(both)
        assert both.copy().status == 0
        assert both.lies(text(1)) == [("INBOX", flags)]
        assert (both.copy().status, len(inbox(both))) == (0, COUNT)


def test_ours_stays_beside_an_older_copy_that_the_member_is_about_to_delete(tmp_path: Path) -> None:
    deleted = SEEN | {b"\\Deleted"}
    with two_servers(tmp_path, CutOnceAndCommittedBefore(put(deleted, dated(1)))) as both:
        fill(both)
        ended = both.copy()
        assert (ended.status, ended.codes) == (0, [])
        assert both.lies(text(1)) == [("INBOX", deleted), ("INBOX", SEEN)]


class Rival(Quirk):
    """Another program delivers the same moments before us."""

    def __init__(self, flags: frozenset[bytes] = SEEN, date: datetime | None = None, count: int = COUNT) -> None:
        self.flags, self.date, self.left = flags, date, range(1, count + 1)

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            for number in self.left:
                session.store.append(
                    session.store.folders[b"INBOX"], text(number), self.flags, self.date or dated(number)
                )
            self.left = range(0)


def test_our_copies_stay_beside_those_that_another_program_dated_otherwise(tmp_path: Path) -> None:
    with two_servers(tmp_path, Rival(frozenset(), TODAY)) as both:
        fill(both)
        for _ in range(2):
            ended = both.copy()
            assert (ended.status, ended.codes) == (0, [])
            assert [one for one in inbox(both) if one[1] != TODAY] == as_sent()
            assert len(inbox(both)) == 2 * COUNT


def test_our_copies_make_way_for_those_of_another_machine(tmp_path: Path) -> None:
    with two_servers(tmp_path, Rival()) as both:
        fill(both)
        ended = both.copy()
        assert (ended.status, ended.report["totals"]["already_there"]) == (0, COUNT)
        assert [message.uid for message in both.new.folders[b"INBOX"].messages] == [1, 2, 3]


class RivalAndMark(Rival):
    """And the member marks our copy before we look."""

    marked = False

    def before(self, session: Session, command: Command) -> None:
        super().before(session, command)
        messages = session.store.folders[b"INBOX"].messages
        if command.verb == "UID SEARCH" and not self.marked and len(messages) == COUNT + 1:
            self.marked = True
            session.store.folders[b"INBOX"].change(messages[1], SEEN | {b"todo"})


def test_our_copy_that_the_member_marked_stays_beside_a_rivals_and_is_named(tmp_path: Path) -> None:
    with two_servers(tmp_path, RivalAndMark(count=1)) as both:
        fill(both)
        ended = both.copy()
        assert (ended.status, ended.codes) == (1, ["duplicate"])
        assert both.lies(text(1)) == [("INBOX", SEEN), ("INBOX", SEEN | {b"todo"})]


class RivalWithoutDates(Rival):
    """And the target dates everything by its own clock."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        return replace(message, date=TODAY + timedelta(seconds=message.uid))


def test_where_the_target_keeps_no_dates_another_machines_copies_are_named(tmp_path: Path) -> None:
    with two_servers(tmp_path, RivalWithoutDates()) as both:
        fill(both)
        ended = both.copy()
        assert (ended.status, ended.codes) == (1, ["duplicate"] * COUNT)
        assert len(both.new.folders[b"INBOX"].messages) == 2 * COUNT


class RivalAndEnd(Rival):
    """And the connection ends while ours make way."""

    def __init__(self, verb: str, behind: bool) -> None:
        super().__init__()
        self.verb, self.behind, self.armed = verb, behind, True

    def before(self, session: Session, command: Command) -> None:
        super().before(session, command)
        self._end(command, behind=False)

    def after(self, session: Session, command: Command) -> None:
        self._end(command, behind=True)

    def _end(self, command: Command, behind: bool) -> None:
        if self.armed and command.verb == self.verb and behind is self.behind:
            self.armed = False
            raise Hangup


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("verb", ["UID STORE", "UID EXPUNGE"])
def test_our_copies_make_way_for_a_rivals_though_the_connection_ends(tmp_path: Path, verb: str, behind: bool) -> None:
    with two_servers(tmp_path, RivalAndEnd(verb, behind)) as both:
        fill(both)
        for _ in range(2):
            ended = both.copy()
            assert (ended.status, ended.report["totals"]["already_there"], ended.codes) == (0, COUNT, [])
            assert inbox(both) == as_sent()
