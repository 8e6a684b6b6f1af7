r"""``\Recent`` is given to one session. RFC 3501 §2.3.2"""

from pathlib import Path

from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate


def arrive(box: LiveMailbox) -> None:
    folder = box.folders.find(INBOX)
    assert folder is not None
    box.messages.append(folder.id, [Arriving(HeldBody(b"x: y\r\n\r\n"), frozenset(), InternalDate(1))])


def test_two_that_looked_at_the_same_time_do_not_both_take_it(tmp_path: Path) -> None:
    with LiveMailbox.create(tmp_path / "m", 1) as one, LiveMailbox.open(tmp_path / "m") as other:
        for _ in range(3):
            arrive(one)
        seen_by_one, seen_by_other = one.folders.find(INBOX), other.folders.find(INBOX)
        assert seen_by_one is not None
        assert seen_by_other is not None
        assert one.folders.take_recent(seen_by_one) == 1
        assert other.folders.take_recent(seen_by_other) == 4
        arrive(one)
        seen_by_other = other.folders.find(INBOX)
        assert seen_by_other is not None
        assert other.folders.take_recent(seen_by_other) == 4
