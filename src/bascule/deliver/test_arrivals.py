"""Many messages without a UID are paired with what arrived in a time that grows as their number does."""

import time

from bascule.deliver.arrivals import pair_in_order
from bascule.deliver.expectation import Expectation
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.body import Traits
from bascule.terms.instant import InternalDate

MANY = 20_000
"""Where each UID was looked for in a set of its own, this took minutes."""


def _sent(number: int) -> Expectation:
    return Expectation(number, None, b"", 1, frozenset(), InternalDate(number), Traits.from_bits(0), None)


def test_twenty_thousand_are_paired_within_seconds() -> None:
    arrived = {number + 1: MessageData(uid=number + 1, date=InternalDate(number)) for number in range(MANY)}
    began = time.process_time()
    paired = pair_in_order([_sent(number) for number in range(MANY)], arrived)
    assert time.process_time() - began < 5
    assert paired == {number: number + 1 for number in range(MANY)}
