"""What a member does next, by the phase and what they did already. One thing at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from bascule.portal.directory.kinds import SEEN, What
from bascule.terms.phases import Phase


class Step(StrEnum):
    WAIT = "wait"
    """Nothing is to be done before the credentials open."""
    SEE = "see"
    """See and note the new credentials."""
    PRACTISE = "practise"
    PHONE = "phone"
    READY = "ready"
    """All is prepared: wait for T."""
    OPEN = "open"
    """Open the new mailbox."""
    SET_UP = "set-up"
    """Set up phone and computer."""
    DONE = "done"


MINUTES = {Step.SEE: 2, Step.PRACTISE: 1, Step.PHONE: 5, Step.OPEN: 5, Step.SET_UP: 10}
"""How long a step takes, told beforehand."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The steps of a phase, with those that are done."""

    next: Step
    steps: tuple[tuple[Step, bool], ...] = ()

    @property
    def minutes(self) -> int | None:
        return MINUTES.get(self.next)


def progress_of(phase: Phase, done: Collection[str]) -> Progress:
    """``done``: what of `What` the member did."""
    seen = not SEEN.isdisjoint(done)
    if phase is Phase.PREPARED:
        return Progress(Step.WAIT)
    if phase is Phase.ANNOUNCED:
        steps = ((Step.SEE, seen), (Step.PRACTISE, What.PRACTISED in done), (Step.PHONE, What.PHONE in done))
        return Progress(next((step for step, is_done in steps if not is_done), Step.READY), steps)
    if not seen:
        return Progress(Step.SEE, ((Step.SEE, False), (Step.OPEN, False), (Step.SET_UP, False)))
    return Progress(Step.OPEN, ((Step.SEE, True), (Step.OPEN, False), (Step.SET_UP, What.PHONE in done)))
