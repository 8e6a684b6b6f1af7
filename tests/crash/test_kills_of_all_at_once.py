"""Several processes deliver, move, expunge, flag, tidy, purge, compact, back up and hand over one mailbox at once, and are killed at random instants.

Afterwards every acknowledged message is there once, nothing that was expunged is, and `check` finds nothing, neither in the mailbox nor in its copy. See
`crash.meeting` for who does what.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bascule.mailbox import check

from .meeting import TO_BE_DONE, Place, held, settle


@pytest.mark.soak
def test_what_was_acknowledged_is_there_once(tmp_path: Path, seed: int, soak: bool) -> None:
    rounds, kills = (20, 50) if soak else (2, 20)
    place = Place(tmp_path)
    place.make()
    print(f"seed {seed}, {rounds} rounds of {kills} kills")
    for number in range(rounds):
        words = [sys.executable, "-m", "crash.meeting", str(tmp_path), str(seed + number), str(kills)]
        subprocess.run(words, check=True, timeout=600, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
        settle(place, random.Random(seed))
        _compare(place)
    told = place.told()
    assert told.did.keys() >= TO_BE_DONE, told.did
    assert told.kept
    print(f"{len(told.kept)} kept, {len(told.gone)} expunged; {dict(told.did)}")


def _compare(place: Place) -> None:
    told = place.told()
    assert told.wrong == []
    mailbox = place.mailbox(place.account)
    assert check(mailbox) == []
    there = held(mailbox)
    assert {name for name, count in there.items() if count > 1} == set(), "twice"
    assert told.must_be_there - there.keys() == set(), "acknowledged, and not there"
    assert there.keys() & told.gone == set(), "expunged, and there"
    assert there.keys() - told.begun == set()
    if (place.root / "copy/catalogue.sqlite").exists():
        assert check(place.root / "copy") == []
