"""The new side's messages as they are taken for messages of the old side, each for one at most."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bascule.deliver.comparison.census import Fact, FolderCensus
from bascule.protocols.imap.dates import writable_date
from bascule.terms.flags import same_flags
from bascule.terms.folder import is_inbox_name
from bascule.terms.instant import InternalDate


def key_of(name: bytes) -> bytes:
    """INBOX in any capitals is one folder (RFC 9051 §5.1)."""
    return b"INBOX" if is_inbox_name(name.decode("latin-1")) else name


@dataclass(slots=True)
class Copies:
    """``folders``: by name. Copies that the ledger has for a message are kept for it; all others are free."""

    folders: dict[bytes, FolderCensus]
    _by_uid: dict[bytes, dict[int, Fact]] = field(default_factory=dict)
    _free: dict[bytes, dict[bytes, list[Fact]]] = field(default_factory=dict)
    _alike: dict[bytes, dict[bytes, list[Fact]]] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Iterable[FolderCensus], taken: Mapping[bytes, set[int]]) -> "Copies":
        """``taken``: the UIDs in each folder that earlier runs know as copies of messages of ours."""
        copies = cls({key_of(census.name): census for census in found})
        for name, census in copies.folders.items():
            copies._by_uid[name] = {fact.uid: fact for fact in census.facts}
            copies._free[name], copies._alike[name] = defaultdict(list), defaultdict(list)
            for fact in census.facts:
                if fact.uid not in taken.get(name, ()):
                    copies._free[name][fact.sha256].append(fact)
                    if fact.likeness is not None:
                        copies._alike[name][fact.likeness].append(fact)
        return copies

    def at(self, name: bytes, uid: int) -> Fact | None:
        """The message with this UID."""
        return self._by_uid.get(name, {}).get(uid)

    def find_equal(self, name: bytes, *digests: bytes) -> Fact | None:
        """A free copy with one of these SHA-256; it stays free."""
        free = self._free.get(name, {})
        return next((one for digest in digests for one in free.get(digest, ())), None)

    def take(self, name: bytes, fact: Fact, *, any_date: bool = True) -> Fact | None:
        """A free copy in the folder, equal in its octets: one with the same date first, then one with the same flags."""
        found = [one for one in self._equal(name, fact) if any_date or same_date(fact, one)]
        if not found:
            return None
        best = min(found, key=lambda one: (not same_date(fact, one), not same_flags(fact.flags, one.flags), one.uid))
        return self._given(name, best)

    def take_equal(self, name: bytes, fact: Fact) -> Fact | None:
        """A free copy that is equal in octets, flags and date."""
        for one in self._equal(name, fact):
            if same_date(fact, one) and same_flags(fact.flags, one.flags):
                return self._given(name, one)
        return None

    def take_alike(self, name: bytes, fact: Fact) -> Fact | None:
        """A free copy that is what servers are known to make of it."""
        for one in self._alike.get(name, {}).get(fact.likeness or b"", ()):
            return self._given(name, one)
        return None

    def take_elsewhere(self, name: bytes | None, fact: Fact) -> tuple[FolderCensus, Fact] | None:
        """A free copy in any other folder, one with the same date first."""
        holding = [other for other in self._holding(fact) if other != name]
        best = min(
            holding, key=lambda other: not any(same_date(fact, one) for one in self._equal(other, fact)), default=None
        )
        found = self.take(best, fact) if best is not None else None
        return (self.folders[best], found) if best is not None and found is not None else None

    def _holding(self, fact: Fact) -> Iterator[bytes]:
        return (name for name in self._free if self._equal(name, fact))

    def _equal(self, name: bytes, fact: Fact) -> list[Fact]:
        free = self._free.get(name, {})
        return [one for digest in {fact.sha256, fact.wire or fact.sha256} for one in free.get(digest, ())]

    def _given(self, name: bytes, fact: Fact) -> Fact:
        self._free[name][fact.sha256].remove(fact)
        if fact.likeness is not None:
            self._alike[name][fact.likeness].remove(fact)
        return fact


def same_date(fact: Fact, there: Fact) -> bool:
    """Whether the copy is dated as it can be; a message without any date has none to compare."""
    if fact.utc_seconds is None:
        return True
    return writable_date(InternalDate(fact.utc_seconds)).utc_seconds == there.utc_seconds
