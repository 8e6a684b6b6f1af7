"""Messages without a UID are paired with what arrived: many in a time that grows as their number does, and none with what may be another's."""

import time
from dataclasses import replace

from bascule.deliver.arrivals import pair_by_details, pair_in_order
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


def test_of_what_looks_alike_none_is_taken_where_more_arrived_than_was_sent() -> None:
    """Another run delivers the same messages between ours: 1 and 2 are one size and date, 3 another."""
    sent = [_sent(1), replace(_sent(2), date=InternalDate(1)), _sent(3)]
    dates = {11: 1, 12: 1, 13: 1, 14: 3}
    arrived = {uid: MessageData(uid=uid, octets=1, date=InternalDate(date)) for uid, date in dates.items()}
    assert pair_by_details(sent, arrived, only_if_certain=True) == {3: 14}
    assert pair_by_details(sent, arrived) == {1: 11, 2: 12, 3: 14}


def test_of_what_looks_alike_none_is_taken_where_fewer_arrived_than_were_sent() -> None:
    """The target lost one of two messages of one size and date: which of them, only their content tells."""
    sent = [_sent(1), replace(_sent(2), date=InternalDate(1)), _sent(3)]
    arrived = {uid: MessageData(uid=uid, octets=1, date=InternalDate(date)) for uid, date in {11: 1, 12: 3}.items()}
    assert pair_by_details(sent, arrived, only_if_certain=True) == {3: 12}
