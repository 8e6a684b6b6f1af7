"""Copies on the target that stand for no message of ours yet, found by content."""

from collections import defaultdict


class FreeCopies:
    """Each UID is given out once. ``likeness`` finds a copy that the target altered in a way it is known for."""

    def __init__(self) -> None:
        self._keys: dict[int, tuple[bytes, bytes | None]] = {}
        self._by_digest: dict[bytes, list[int]] = defaultdict(list)
        self._by_likeness: dict[bytes, list[int]] = defaultdict(list)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add(self, uid: int, digest: bytes, alike: bytes | None) -> None:
        """A copy with this UID; one that is known already is left as it is."""
        if uid in self._keys:
            return
        self._keys[uid] = (digest, alike)
        self._by_digest[digest].append(uid)
        if alike is not None:
            self._by_likeness[alike].append(uid)

    def take(self, digest: bytes, alike: bytes | None = None, *, above: int = 0) -> int | None:
        """The lowest UID from ``above`` on of an equal copy, else of an alike one; None where there is none."""
        for uids in (self._by_digest.get(digest, ()), self._by_likeness.get(alike, ()) if alike else ()):
            uid = min((uid for uid in uids if uid >= above), default=None)
            if uid is not None:
                self._remove(uid)
                return uid
        return None

    def _remove(self, uid: int) -> None:
        digest, alike = self._keys.pop(uid)
        self._by_digest[digest].remove(uid)
        if alike is not None:
            self._by_likeness[alike].remove(uid)
