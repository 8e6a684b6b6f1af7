"""Every quirk of the catalogue, as source and as target: all exact, or every difference named; never a copy too many.

Each is tried against a server of the same kind without quirks, with three folders and forty messages, in at least two runs. What is
asked of them stands in `support.quirk_trial`. To look at one: ``pytest tests/interop/test_quirks.py -k DateOfZeros``.
"""

import random
import re
from pathlib import Path

import pytest

from support.quirk_trial import Trial
from support.quirks import EXACT, Folder, Message, Quirk
from support.quirks.catalogue import QUIRKS
from support.quirks.server import Session

FAILS_TODAY: dict[str, str] = {}
"""Case → what happens today, of each that does not hold yet. A mark falls, and must be taken away, when it does."""
SLOW = {"LiteralRefusedUntagged-target"}
"""In soak trials only."""


def _cases() -> list[object]:
    found = []
    for name, quirk in QUIRKS.items():
        for place in ("source", "target"):
            if getattr(quirk, f"as_{place}") is None:
                continue
            case = f"{name}-{place}"
            marks = [pytest.mark.xfail(strict=True, reason=FAILS_TODAY[case])] if case in FAILS_TODAY else []
            found.append(pytest.param(name, place, id=case, marks=marks))
    return found


CASES = _cases()


@pytest.mark.parametrize(("name", "place"), CASES)
def test_all_is_exact_or_every_difference_is_named(tmp_path: Path, soak: bool, name: str, place: str) -> None:
    quirk = QUIRKS[name]()
    old, new = (quirk, Quirk()) if place == "source" else (Quirk(), quirk)
    wrong = Trial(tmp_path, old, new, thorough=soak).run()
    assert not wrong, "\n".join(wrong)


@pytest.mark.soak
def test_a_quirk_on_either_side(tmp_path: Path, soak: bool, seed: int) -> None:
    """Pairs by chance, of those that hold alone."""
    chance = random.Random(seed)
    print(f"BASCULE_SEED={seed}")
    holding = {
        place: [n for n, q in QUIRKS.items() if getattr(q, f"as_{place}") and f"{n}-{place}" not in FAILS_TODAY]
        for place in ("source", "target")
    }
    found = []
    for number in range(400 if soak else 5):
        old, new = chance.choice(holding["source"]), chance.choice(holding["target"])
        (tmp_path / str(number)).mkdir()
        wrong = Trial(tmp_path / str(number), QUIRKS[old](), QUIRKS[new]()).run()
        found += [f"{old} to {new}: {sentence}" for sentence in wrong]
    assert not found, "\n".join(found)


def test_the_catalogue_says_of_each_quirk_what_it_is_and_where_it_was_seen() -> None:
    assert len(QUIRKS) >= 60
    for name, quirk in QUIRKS.items():
        assert re.fullmatch(r"[A-Z][^\n]*(\n[^\n]+)*\.", (quirk.__doc__ or "").strip()), name
        assert quirk.seen, name
        assert quirk.as_source or quirk.as_target, name


def test_the_marks_are_of_cases_that_there_are() -> None:
    there = {
        f"{name}-{place}"
        for name, quirk in QUIRKS.items()
        for place in ("source", "target")
        if getattr(quirk, f"as_{place}")
    }
    assert set(FAILS_TODAY) <= there


# -- the trial itself -------------------------------------------------------------------------------------------------


class KeepsTwice(Quirk):
    """Every message that is appended is kept twice."""

    as_target = EXACT
    without = frozenset({"UIDPLUS"})

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        session.store.append(folder, message.octets, message.flags, message.date)
        return message


class ChangesWhileRead(Quirk):
    """A folder is changed by being opened."""

    as_source = EXACT

    def selected(self, session: Session, folder: Folder, codes: dict[str, bytes]) -> dict[str, bytes]:
        folder.messages[0].flags ^= {b"\\Seen"}
        return codes


class LosesOneLater(Quirk):
    """At the second run, the new side has lost a message."""

    as_target = EXACT

    def greeting(self, session: Session, line: bytes) -> bytes:
        inbox = session.store.folders[b"INBOX"]
        if len(inbox.messages) == 20:
            inbox.remove(inbox.messages[:1])
        return line


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (Quirk(), KeepsTwice(), "messages on the new side are not on the old"),
        (ChangesWhileRead(), Quirk(), "the old side was changed"),
        (Quirk(), LosesOneLater(), "are not on the new side as they are on the old"),
    ],
    ids=["keeps twice", "changes while read", "loses one later"],
)
def test_a_trial_tells_what_is_wrong(tmp_path: Path, old: Quirk, new: Quirk, told: str) -> None:
    wrong = Trial(tmp_path, old, new).run()
    assert any(told in sentence for sentence in wrong), wrong


def test_a_run_leaves_no_connection_open(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Quirk(), Quirk())
    assert trial.run() == []
    assert trial.left_open == 0


def test_without_quirks_nothing_is_wrong(tmp_path: Path) -> None:
    assert Trial(tmp_path, Quirk(), Quirk()).run() == []
