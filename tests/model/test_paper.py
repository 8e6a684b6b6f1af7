"""The oracle against an engine on paper: what keeps to the page passes any life, and each rule that is broken on purpose is found."""

import pytest

from model.paper import PaperSequence
from model.sequence import Violated

OPERATIONS = 30
KEPT, TRIED = 120, 120
"""Sequences that must pass; sequences within which a broken rule must be found."""


def test_an_engine_that_keeps_to_the_rules_passes(seed: int) -> None:
    for number in range(KEPT):
        PaperSequence(f"{seed}/{number}").play(OPERATIONS)


@pytest.mark.parametrize(
    "broken",
    [
        "what was removed is sent",
        "a touched copy is doubled",
        "a touched copy is followed",
        "a touched copy makes way",
        "flags do not follow",
        "a moved copy stays",
        "moves are not seen",
        "what is there is not seen",
        "a copy too many",
    ],
)
def test_a_broken_rule_is_found(broken: str, seed: int) -> None:
    assert any(violated(PaperSequence(f"{seed}/{number}", broken)) for number in range(TRIED))


def violated(sequence: PaperSequence) -> bool:
    try:
        sequence.play(OPERATIONS)
    except Violated:
        return True
    return False
