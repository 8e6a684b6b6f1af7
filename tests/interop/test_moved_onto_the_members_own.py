"""What moved on the old side, to where the member had put an equal message by themselves: that one stands for it, also while an earlier copy that can't be
removed lies elsewhere, and after that one is gone."""

from datetime import timedelta
from pathlib import Path

from support.quirks import Quirk
from support.quirks.store import ARRIVAL
from support.two_servers import text, two_servers

NONE: frozenset[bytes] = frozenset()


class WithoutUidplus(Quirk):
    without = frozenset({"UIDPLUS"})


def test_a_copy_with_another_date_is_theirs_still_once_the_earlier_one_is_gone(tmp_path: Path) -> None:
    with two_servers(tmp_path, WithoutUidplus()) as both:
        a, b = both.old.create(b"A"), both.old.create(b"B")
        both.old.append(a, text(1))
        assert both.copy().status == 0
        both.move(a.messages[0], a, b)
        both.new.append(both.new.folders[b"B"], text(1), NONE, ARRIVAL + timedelta(days=1))
        ended = both.copy()
        assert (ended.status, ended.codes) == (1, ["duplicate"])
        earlier = both.new.folders[b"A"]
        earlier.remove(list(earlier.messages))
        for _ in range(2):
            ended = both.copy("--verify", "full")
            assert (ended.status, ended.codes, ended.report["totals"]["already_there"]) == (0, [], 1)
            assert both.lies(text(1)) == [("B", NONE)]
