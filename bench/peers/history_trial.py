"""One history with one peer, and in words what is not as it must be: ``right``, or what came back, was doubled, was lost, did not follow, …"""

import tempfile
import uuid
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from peers.histories import HISTORIES, SMALL_KILOBYTES, WITH_QUOTA, Expected
from peers.journey import Journey
from peers.peer import Peer
from peers.yardstick import CRASH
from support.dovecot import PrivateDovecot

_LAST_RUNS = 2
"""After the last thing that happens: one to follow, one to see that it is not done again."""


def outcome(
    peer: Peer, name: str, old: PrivateDovecot, new: PrivateDovecot, words: tuple[str, ...]
) -> dict[str, object]:
    """A row for the file of results."""
    user = f"u{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bascule-peers-")))
        if name in WITH_QUOTA:
            new = stack.enter_context(PrivateDovecot(folder / "small", quota_kilobytes=SMALL_KILOBYTES))
        walk = stack.enter_context(Journey(folder, peer, old, new, user, words))
        expected = HISTORIES[name](walk)
        for _ in range(_LAST_RUNS):
            walk.run()
        told = wrong(
            expected, walk.there(), {place: walk.flags(*place) for place in expected.flags}, walk.new.folders()
        )
        statuses = [ended.status for ended in walk.ends]
        told += ending(statuses[-1], "\n".join(ended.said for ended in walk.ends))
        return {
            "outcome": ", ".join(told) or "right", "statuses": statuses, "uncut": walk.uncut,
            "said": [ended.said[-1500:] for ended in walk.ends],
        }  # fmt: skip


def wrong(
    expected: Expected, there: dict[str, list[str]], flags: dict[tuple[str, str], set[str]], folders: list[str]
) -> list[str]:
    """By what the new side holds."""
    wanted = Counter((folder, tag) for folder, tags in expected.there.items() for tag in tags.split())
    held = Counter((folder, tag) for folder, tags in there.items() for tag in tags)
    copies, due = Counter(_tags(held)), Counter(_tags(wanted))
    back = {tag for tag in copies if copies[tag] > due[tag] and tag in expected.gone}
    words = ["removed mail comes back"] if back else []
    if any(copies[tag] > due[tag] for tag in copies if tag not in back):
        words.append("doubled")
    missing = {tag for tag in due if copies[tag] < due[tag]}
    if missing & expected.dropped:
        words.append("deletion follows")
    if missing - expected.dropped:
        words.append("lost")
    # where a copy lies elsewhere than it must, and it is not merely one too many
    misplaced = {tag for _, tag in wanted - held if copies[tag] >= due[tag]}
    if misplaced:
        words.append("member's filing undone" if expected.theirs else "move not followed")
    if any(flags.get(place) != due_flags for place, due_flags in expected.flags.items() if held[place]):
        words.append("member's mark undone" if expected.their_marks else "flags do not follow")
    if expected.folders & set(folders) and not back:
        words.append("removed folder comes back")
    return words


def _tags(places: Counter[tuple[str, str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, tag), count in places.items():
        found[tag] = found.get(tag, 0) + count
    return found


def ending(status: int | None, said: str) -> list[str]:
    """Of the last run; a crash of any."""
    if CRASH.search(said):
        return ["crashed"]
    if status is None:
        return ["hangs"]
    return [f"last run ends with {status}"] if status else []
