"""Many flags at once: what folders count is what they hold, and what was given one flag set is not taken for what had it."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.mailbox import check
from bascule.mailbox.format import COUNTING, IN_BULK
from bascule.mailbox.live import Arriving, FolderGone, LiveMailbox
from bascule.mailbox.live.counting import BULK
from bascule.terms.body import HeldBody
from bascule.terms.flags import Flags
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.instant import InternalDate

NOW = 1_700_000_000
MANY = BULK + 50
SETS = [frozenset(names) for names in ((), ("\\Seen",), ("\\Deleted",), ("\\Seen", "\\Deleted", "$k"), ("\\Flagged",))]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMailbox]:
    root = tmp_path_factory.mktemp("flagging") / "live.mailbox"
    with LiveMailbox.create(root, NOW) as made:
        mails = [HeldBody(b"Subject: %d\r\n\r\n" % number) for number in range(MANY)]
        made.messages.append(
            inbox(made), [Arriving(mail, SETS[n % 5], InternalDate(NOW)) for n, mail in enumerate(mails)]
        )
        yield made
    assert check(root) == []


def inbox(box: LiveMailbox) -> int:
    found = box.folders.find(INBOX)
    assert found is not None
    return found.id


def flags(box: LiveMailbox) -> dict[int, Flags]:
    rows = box.reading.flagsets(inbox(box), 1, MANY, limit=-1)
    return {uid: box.reading.flags(flagset) for uid, flagset, _ in rows}


def counts(box: LiveMailbox) -> tuple[int, int, int]:
    folder = box.folders.get(inbox(box))
    assert folder is not None
    return folder.messages, folder.unseen, folder.deleted


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_change_is_made_of_what_was_there_before(box: LiveMailbox, data: st.DataObject) -> None:
    uids = data.draw(
        st.one_of(
            st.sets(st.integers(1, MANY)),
            st.tuples(st.integers(1, MANY), st.integers(1, MANY)).map(
                lambda ends: set(range(min(ends), max(ends) + 1))
            ),
        )
    )
    becomes = dict(zip(SETS, data.draw(st.permutations(SETS)), strict=True))  # one's new set is another's old one
    before = flags(box)
    modseqs = {uid: modseq for uid, _, modseq in box.reading.flagsets(inbox(box), 1, MANY, limit=-1)}
    since = data.draw(st.one_of(st.none(), st.sampled_from(sorted(set(modseqs.values()))), st.just(2**62)))
    done = box.messages.set_flags(inbox(box), uids, becomes.__getitem__, since)
    open_to_it = {uid for uid in uids if since is None or modseqs[uid] <= since}
    assert done.refused == sorted(uids - open_to_it)
    assert flags(box) == {uid: becomes[old] if uid in open_to_it else old for uid, old in before.items()}
    assert [uid for uid, _ in done.changed] == sorted(uid for uid in open_to_it if becomes[before[uid]] != before[uid])
    now = flags(box).values()
    assert counts(box) == (MANY, sum("\\Seen" not in each for each in now), sum("\\Deleted" in each for each in now))


def test_many_that_vanish_are_counted_at_once(tmp_path: Path) -> None:
    with LiveMailbox.create(tmp_path / "m", NOW) as box:
        mails = [
            Arriving(HeldBody(b"Subject: %d\r\n\r\n" % n), SETS[n % 5], InternalDate(NOW)) for n in range(MANY + 3)
        ]
        box.messages.append(inbox(box), mails)
        rows = [row.id for row in box.reading.rows(inbox(box), 1, MANY, limit=-1)]
        assert len(box.messages.expunge(inbox(box), rows, NOW)) == MANY
        assert counts(box)[0] == 3
    assert check(tmp_path / "m") == []


def test_a_mailbox_that_an_older_bascule_made_counts_right(tmp_path: Path) -> None:
    with LiveMailbox.create(tmp_path / "m", NOW) as box:
        database = box.mailbox.database
        for name, trigger in COUNTING.items():
            database.execute(f"DROP TRIGGER {name}")
            database.execute(trigger.replace(f"NOT {IN_BULK} AND ", ""))
        mails = [Arriving(HeldBody(b"Subject: %d\r\n\r\n" % n), SETS[n % 5], InternalDate(NOW)) for n in range(MANY)]
        box.messages.append(inbox(box), mails)
        with LiveMailbox.open(tmp_path / "m") as other:
            assert counts(other)[0] == MANY
            box.messages.set_flags(inbox(box), range(1, MANY + 1), lambda old: old ^ {"\\Seen"})
            other.messages.set_flags(inbox(other), range(1, MANY), lambda old: old ^ {"\\Seen"})
            other.messages.set_flags(inbox(other), [1], lambda old: old ^ {"\\Deleted"})
            assert counts(box) == counts(other)
    assert check(tmp_path / "m") == []


def test_what_is_rolled_back_leaves_nothing_that_keeps_triggers_still(tmp_path: Path) -> None:
    with LiveMailbox.create(tmp_path / "m", NOW) as box:
        made = box.folders.create(FolderPath(("x",)), NOW)
        mails = [Arriving(HeldBody(b"Subject: %d\r\n\r\n" % n), frozenset(), InternalDate(NOW)) for n in range(MANY)]
        box.messages.append(made.id, mails)
        rows = [row.id for row in box.reading.rows(made.id, 1, MANY, limit=-1)]
        box.mailbox.database.execute(
            "CREATE TRIGGER full AFTER UPDATE ON messages WHEN new.uid = 120 BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises(Exception, match="full"):
            box.messages.expunge(made.id, rows, NOW)
        box.mailbox.database.execute("DROP TRIGGER full")
        box.messages.set_flags(made.id, [1, 2], lambda old: old | {"\\Seen"})
        box.folders.delete(made.path, NOW)
        with pytest.raises(FolderGone):
            box.messages.append(made.id, mails)
    assert check(tmp_path / "m") == []


def test_one_message_is_as_little_work_in_a_large_folder(tmp_path: Path) -> None:
    """Programs flag, move and expunge one message at a time. What SQLite does for it is counted in the instructions of its virtual machine."""

    def thousands(box: LiveMailbox, work: Callable[[], object]) -> int:
        counted = itertools.count()
        box.mailbox.database.set_progress_handler(lambda: next(counted) and None, 1000)
        work()
        box.mailbox.database.set_progress_handler(None, 0)
        return next(counted)

    with LiveMailbox.create(tmp_path / "m", NOW) as box:
        mails = [Arriving(HeldBody(b"Subject: %d\r\n\r\n" % n), SETS[0], InternalDate(NOW)) for n in range(4000)]
        folder, other = inbox(box), box.folders.create(FolderPath(("Other",)), NOW)
        box.messages.append(folder, mails)
        row = [each.id for each in box.reading.rows(folder, 2000, 2003, limit=4)]
        flagged = frozenset({"\\Deleted"})
        works: dict[str, Callable[[], object]] = {
            "flag": lambda: box.messages.set_flags(folder, [2000], lambda old: flagged),
            "flag unless changed": lambda: box.messages.set_flags(folder, [2001], lambda old: flagged, 2**62),
            "there": lambda: box.messages.there(folder, row),
            "expunge": lambda: box.messages.expunge(folder, row[:1], NOW, only_flagged=True),
            "move": lambda: box.messages.move(folder, row[2:3], other.id, NOW),
            "give back": lambda: box.messages.give_back(row[:1], other.id, NOW),
        }
        assert {name: thousands(box, work) < 4 for name, work in works.items()} == dict.fromkeys(works, True)
