"""Copies on the target that stand for no message of ours yet, found by content."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from itertools import islice

from bascule.deliver.limits import ALIKE_MESSAGES
from bascule.mailbox.ledger import Foreign
from bascule.terms.flags import Flags, same_flags


class FreeCopies:
    """Each UID is given out once. ``likeness`` finds a copy that the target altered in a way it is known for. UIDs of one content are kept in
    order: a broken filter leaves ten thousand equal messages."""

    def __init__(self) -> None:
        self._copies: dict[int, Foreign] = {}
        self._by_digest: dict[bytes, list[int]] = defaultdict(list)
        self._by_likeness: dict[bytes, list[int]] = defaultdict(list)
        self._deleted: set[int] = set()
        """Those that somebody marked so: a program may expunge them any moment."""

    def __bool__(self) -> bool:
        return bool(self._copies)

    def uids(self) -> set[int]:
        return set(self._copies)

    def dated(self, dates: Container[int]) -> list[int]:
        """Those whose date of arrival is one of these."""
        return [uid for uid, copy in self._copies.items() if copy.date_utc in dates]

    def of_content(self, digest: bytes, above: int) -> list[Foreign]:
        """The free copies of this content from UID ``above`` on, ascending."""
        uids = self._by_digest.get(digest, [])
        return [self._copies[uid] for uid in uids[bisect_left(uids, above) :]]

    def add(self, copies: Iterable[Foreign]) -> None:
        """Copies; one that is known already is left as it is."""
        for copy in copies:
            if copy.uid not in self._copies:
                self._copies[copy.uid] = copy
                self.mark({copy.uid: copy.flags or frozenset()})
                insort(self._by_digest[copy.sha256], copy.uid)
                if copy.likeness is not None:
                    insort(self._by_likeness[copy.likeness], copy.uid)

    def mark(self, flags: Mapping[int, Flags]) -> None:
        """These have these flags now."""
        for uid, now in flags.items():
            (self._deleted.add if "\\Deleted" in now else self._deleted.discard)(uid)

    def take(
        self,
        digest: bytes,
        alike: bytes | None = None,
        *,
        above: int = 0,
        date_utc: int | None = None,
        flags: Flags | None = None,
        deleted: bool = True,
    ) -> Foreign | None:
        """The copy with the lowest UID from ``above`` on that is equal, else alike, one of ``date_utc`` first, and of these one with ``flags``; None: there is
        none. ``deleted``: also one that is marked so."""
        for uids in (self._by_digest.get(digest, []), self._by_likeness.get(alike, []) if alike else []):
            best: tuple[tuple[bool, bool], int] | None = None
            for uid in islice(uids, bisect_left(uids, above), None):
                if deleted or uid not in self._deleted:
                    rank = self._copies[uid].date_utc != date_utc, self._is_marked_otherwise(uid, flags)
                    if best is None or rank < best[0]:
                        best = rank, uid
                    if rank == (False, False) or (rank[0] is False and len(uids) > ALIKE_MESSAGES):
                        break
            if best is not None:
                return self.remove(best[1])
        return None

    def has_dated(self, digest: bytes, date_utc: int) -> bool:
        """Whether one of this content has this date of arrival."""
        uids = self._by_digest.get(digest, [])
        return any(self._copies[uid].date_utc == date_utc for uid in uids[:ALIKE_MESSAGES])

    def _is_marked_otherwise(self, uid: int, flags: Flags | None) -> bool:
        """``flags`` None: nobody asks for any."""
        there = self._copies[uid].flags
        if flags is None or there is None:
            return False
        is_deleted = uid in self._deleted
        return is_deleted is not ("\\Deleted" in flags) or not same_flags(there - {"\\Deleted"}, flags - {"\\Deleted"})

    def remove(self, uid: int) -> Foreign:
        """It is free no longer, or there no longer. Raises KeyError where it was not free."""
        copy = self._copies.pop(uid)
        self._deleted.discard(uid)
        _remove(self._by_digest[copy.sha256], uid)
        if copy.likeness is not None:
            _remove(self._by_likeness[copy.likeness], uid)
        return copy


def _remove(ordered: list[int], uid: int) -> None:
    del ordered[bisect_left(ordered, uid)]
