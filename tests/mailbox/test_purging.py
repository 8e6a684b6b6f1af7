"""What was deleted long ago goes for good, its room comes back, and nothing else changes: not for sessions, not after a crash, not in a backup."""

import random
from pathlib import Path

import pytest

from bascule.mailbox import check
from bascule.mailbox.copying import copy_mailbox, generations, lay_out
from bascule.mailbox.format import MailboxInUse, segment_name
from bascule.mailbox.live import Arriving, LiveMailbox, purging
from bascule.mailbox.live.purging import compact, purge
from bascule.mailbox.search import bodies_with
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate

NOW = 1_700_000_000
CHANCE = random.Random(5)
MAILS = [b"Subject: n%d\r\n\r\nword%d " % (n, n) + CHANCE.randbytes(20_000).hex().encode() for n in range(40)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Forty messages; the first thirty were expunged at `NOW`, of which the tenth is in Trash too."""
    root = tmp_path / "live.mailbox"
    with LiveMailbox.create(root, NOW) as box:
        inbox = folder(box)
        box.messages.append(inbox, [Arriving(HeldBody(mail), frozenset(), InternalDate(NOW)) for mail in MAILS])
        rows = [row.id for row in box.reading.rows(inbox, 1, 40, limit=40)]
        trash = next(each for each in box.folders.all() if each.path.parts == ("Trash",))
        box.messages.copy(inbox, rows[9:10], trash.id)
        box.messages.expunge(inbox, rows[:30], NOW)
    return root


def folder(box: LiveMailbox) -> int:
    found = box.folders.find(INBOX)
    assert found is not None
    return found.id


def held(box: LiveMailbox) -> list[bytes]:
    return [
        box.reading.octets(row.body)
        for each in box.folders.all()
        for row in box.reading.rows(each.id, 1, 2**31, limit=1000)
    ]


def test_only_what_is_old_and_nobodys_goes(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        assert purge(box, NOW).messages == 0
        done = purge(box, NOW + 1, group=7)
        assert (done.messages, done.bodies) == (30, 29)
        assert sorted(held(box)) == sorted([*MAILS[30:], MAILS[9]])
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        assert (inbox.messages, inbox.purged_modseq) == (10, inbox.modseq)
        placed = box.messages.append(inbox.id, [Arriving(HeldBody(MAILS[0]), frozenset(), InternalDate(NOW))])
        assert placed.uids == [41]
    assert check(place) == []


def test_the_room_comes_back(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        bodies_with(box.mailbox, ("word3", False))
        purge(box, NOW + 1)
    before = (place / segment_name(1)).stat().st_size
    freed = compact(place, waste_octets=1)
    assert freed > before / 2
    assert (place / segment_name(1)).stat().st_size == before - freed
    assert compact(place, waste_octets=1) == 0
    with LiveMailbox.open(place) as box:
        assert sorted(held(box)) == sorted([*MAILS[30:], MAILS[9]])
        assert len(bodies_with(box.mailbox, ("word35", False))) == 1
        assert not bodies_with(box.mailbox, ("word20", False))
        box.messages.append(folder(box), [Arriving(HeldBody(MAILS[0]), frozenset(), InternalDate(NOW))])
    assert check(place) == []


def test_nobody_is_disturbed(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
        with pytest.raises(MailboxInUse):
            compact(place, waste_octets=1)
        assert len(held(box)) == 11
    assert not list(place.glob("*partial*"))
    assert compact(place, waste_octets=1) > 0


def test_what_comes_while_a_file_is_written_anew_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
    copy_used = purging._copy_used

    def and_then_mail_arrives(*arguments: object) -> None:
        copy_used(*arguments)  # type: ignore[arg-type]
        with LiveMailbox.open(place) as box:
            box.messages.append(folder(box), [Arriving(HeldBody(MAILS[0]), frozenset(), InternalDate(NOW))])

    monkeypatch.setattr(purging, "_copy_used", and_then_mail_arrives)
    assert compact(place, waste_octets=1) > 0
    with LiveMailbox.open(place) as box:
        assert MAILS[0] in held(box)
    assert check(place) == []


def test_cut_off_before_the_exchange_all_is_as_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)

    def power_fails(*_: object) -> None:
        raise OSError("power")

    with monkeypatch.context() as patched:
        patched.setattr(purging.os, "replace", power_fails)
        with pytest.raises(OSError, match="power"):
            compact(place, waste_octets=1)
    assert check(place) == []
    (place / "compacting.partial").write_bytes(b"left by a crash")
    assert compact(place, waste_octets=1) > 0
    assert check(place) == []


def test_a_backup_keeps_its_earlier_states(place: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    copy_mailbox(place, backup, instant="2026-11-01", keep=5)
    with LiveMailbox.open(place) as box:
        purge(box, NOW + 1)
    compact(place, waste_octets=1)
    with LiveMailbox.open(place) as box:
        box.messages.append(folder(box), [Arriving(HeldBody(b"Subject: new\r\n\r\n"), frozenset(), InternalDate(NOW))])
    copy_mailbox(place, backup, instant="2026-11-02", keep=5)
    assert generations(backup) == ["2026-11-01", "2026-11-02"]
    for instant, count in (("2026-11-01", 41), ("2026-11-02", 12), (None, 12)):
        (tmp_path / str(instant)).mkdir()
        laid = lay_out(backup, tmp_path / str(instant), instant)
        assert check(laid) == []
        with LiveMailbox.open(laid) as box:
            assert len(held(box)) == count
