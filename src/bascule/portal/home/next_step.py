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
    """Open the new mailbox on the computer."""
    DONE = "done"


MINUTES = {Step.SEE: 2, Step.PRACTISE: 1, Step.PHONE: 5, Step.OPEN: 5}
"""How long a step takes, told beforehand."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The steps of a phase, with those that are done."""

    next: Step
    steps: tuple[tuple[Step, bool], ...] = ()

    @property
    def minutes(self) -> int | None:
        return MINUTES.get(self.next)


TICKED = {Step.PHONE: What.PHONE_DONE, Step.OPEN: What.COMPUTER_DONE}
"""Steps that are done elsewhere: the member says so, also where they have no such device."""


def progress_of(phase: Phase, done: Collection[str]) -> Progress:
    """``done``: what of `What` the member did."""
    if phase is Phase.PREPARED:
        return Progress(Step.WAIT)
    see = (Step.SEE, not SEEN.isdisjoint(done))
    phone = (Step.PHONE, What.PHONE_DONE in done)
    if phase is Phase.ANNOUNCED:
        return _progress(Step.READY, see, (Step.PRACTISE, What.PRACTISED in done), phone)
    return _progress(Step.DONE, see, (Step.OPEN, What.COMPUTER_DONE in done), phone)


def _progress(last: Step, *steps: tuple[Step, bool]) -> Progress:
    return Progress(next((step for step, is_done in steps if not is_done), last), steps)
