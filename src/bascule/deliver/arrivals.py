"""Which UIDs did our messages get? For targets that do not tell (without UIDPLUS, RFC 4315), or tell wrongly.

Messages of one folder are sent over one connection, one after the other, so their UIDs ascend in the order of sending. What arrived meanwhile from
elsewhere lies between them. A message is known by its size and date first, by its content next, and last by its place alone: where the
target changed octets and size, what is left on both sides is paired in order.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence

from bascule.deliver.expectation import Expectation
from bascule.protocols.imap.fetch import MessageData


def pair_by_details(
    sent: Sequence[Expectation], arrived: Mapping[int, MessageData], *, only_if_certain: bool = False
) -> dict[int, int]:
    """Message → UID, for those of ``sent`` (in order of sending) that a UID of the same size and date arrived for.

    ``only_if_certain``: only where as many of one size and date arrived as were sent. Of more some are somebody else's, of fewer some are lost, and details
    do not tell which.
    """
    alike: dict[tuple[int | None, int], deque[int]] = defaultdict(deque)
    for uid, data in sorted(arrived.items()):
        if data.date is not None:
            alike[data.octets, data.date.utc_seconds].append(uid)
    if only_if_certain:
        count: Counter[tuple[int | None, int]] = Counter((e.octets, e.date.utc_seconds) for e in sent)
        alike = {key: uids for key, uids in alike.items() if len(uids) == count[key]}
    return {e.message: uids.popleft() for e in sent if (uids := alike.get((e.octets, e.date.utc_seconds)))}


def pair_in_order(sent: Sequence[Expectation], arrived: Mapping[int, MessageData]) -> dict[int, int]:
    """Message → UID for what neither details nor content tell: one after the other, those of one date first among themselves.

    Where fewer arrived than were sent, the last ones have none; where more did, the rest is somebody else's.
    """
    by_date: dict[int, deque[int]] = defaultdict(deque)
    for uid, data in sorted(arrived.items()):
        by_date[data.date.utc_seconds if data.date is not None else 0].append(uid)
    paired = {e.message: uids.popleft() for e in sent if (uids := by_date.get(e.date.utc_seconds))}
    taken = set(paired.values())
    left = deque(uid for uid in sorted(arrived) if uid not in taken)
    for e in sent:
        if e.message not in paired and left:
            paired[e.message] = left.popleft()
    return paired
