"""What a run that is cut leaves for the next one: notes about folders of the target, each written before something is done there, and wiped out when
that came to its end.

They are rows of `Mailbox.meta` under ``KIND:TARGET:FOLDER``. A state folder of an older Bascule has fewer kinds of them, and loses no mail by that.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping

from bascule.mailbox.database import transaction
from bascule.mailbox.flagsets import FlagSets
from bascule.terms.flags import Flags

_KINDS = ("replaced", "following", "marked", "resent", "unwatched", "away")


class Unfinished:
    """Of one target. ``folder``: its row in the catalogue. Every method is one short transaction, or runs within the caller's. Raises
    MailboxError."""

    def __init__(self, database: sqlite3.Connection, target: int, flagsets: FlagSets) -> None:
        self._database, self._target, self._flagsets = database, target, flagsets

    def hand_on(self, folder: int, to: int, messages: Mapping[int, int]) -> None:
        """All that is noted of the one is noted of the other, in its place. ``messages``: those of the one that others stand for now."""
        following = [[messages.get(message, message), number] for message, number in self._cut_following(folder)]
        since, resent = self.resent(folder)
        for kind in _KINDS:
            query = "UPDATE OR REPLACE meta SET key = ? WHERE key = ?"
            self._database.execute(query, (self._key(kind, to), self._key(kind, folder)))
        if following:
            self._note("following", to, json.dumps(following))
        if resent:
            self.note_resent(to, since, [messages.get(message, message) for message in resent])

    def folders_to_deliver_to(self) -> set[int]:
        """Those that a run has to open though nothing is to be put in: to look for batches that were committed late, and for what came beside ours."""
        return self._folders("resent") | self._folders("unwatched")

    # -- UIDs that mean nothing any more ------------------------------------------------------------------------------

    def replaced(self, folder: int) -> None:
        """Another folder has its place, or it has other UIDs: those that had been told of its copies are forgotten, and so is what else was noted by UID."""
        self._note("replaced", folder, "")
        self.marks_are_over(folder)
        self.watched(folder)
        self.forget_resent(folder)

    def was_replaced(self, folder: int) -> bool:
        """Whether `replaced` was told so, and nobody has looked since what became of the copies."""
        return self._noted("replaced", folder) is not None

    def looked_into(self, folder: int) -> None:
        """What became of them is recorded."""
        self._wipe("replaced", folder)

    # -- flags on their way -------------------------------------------------------------------------------------------

    def about_to_follow(self, folder: int, wanted: Mapping[int, Flags]) -> None:
        """Message → the flags that its copy, in ``folder``, is about to get. Of a run that is killed before it hears the answer the next one
        learns so whose flags they are (`cut_following`)."""
        with transaction(self._database):
            told = [[message, self._flagsets.number_of(flags)] for message, flags in wanted.items()]
            self._note("following", folder, json.dumps(told))

    def following_is_over(self, folder: int) -> None:
        """Whose the flags are of which `about_to_follow` spoke is recorded."""
        self._wipe("following", folder)

    def cut_following(self, folder: int) -> dict[int, Flags]:
        """What `about_to_follow` said of ``folder``, where nobody came to the end of it."""
        return {message: self._flagsets.flags_of(number) for message, number in self._cut_following(folder)}

    def _cut_following(self, folder: int) -> list[tuple[int, int]]:
        return [(message, number) for message, number in json.loads(self._noted("following", folder) or "[]")]

    def folders_of_cut_following(self) -> set[int]:
        return self._folders("following")

    # -- marks on their way -------------------------------------------------------------------------------------------

    def about_to_mark(self, folder: int, uids: Collection[int]) -> None:
        r"""These copies are about to be marked ``\Deleted``, to be removed at once: a mark that is left of a run that is killed is ours, and goes."""
        with transaction(self._database):
            self._note("marked", folder, json.dumps(sorted({*self.cut_marks(folder), *uids})))

    def marks_are_over(self, folder: int) -> None:
        """None of the marks of which `about_to_mark` spoke is left."""
        self._wipe("marked", folder)

    def cut_marks(self, folder: int) -> list[int]:
        """The UIDs of which `about_to_mark` spoke, where nobody came to the end of it."""
        uids: list[int] = json.loads(self._noted("marked", folder) or "[]")
        return uids

    def folders_of_cut_marks(self) -> set[int]:
        return self._folders("marked")

    # -- batches that were sent again ---------------------------------------------------------------------------------

    def note_resent(self, folder: int, since: int, messages: Collection[int]) -> None:
        """These were in doubt, were not found, and are sent again. Should the target commit the first ones late, they come under UIDs from ``since``
        on."""
        self._note("resent", folder, json.dumps([since, sorted(messages)]))

    def resent(self, folder: int) -> tuple[int, list[int]]:
        """What `note_resent` was told last, and nobody has looked for since."""
        since, messages = json.loads(self._noted("resent", folder) or "[0, []]")
        return since, messages

    def forget_resent(self, folder: int) -> None:
        self._wipe("resent", folder)

    # -- what came beside ours ----------------------------------------------------------------------------------------

    def unwatched(self, folder: int, since: int) -> None:
        """Something is about to be sent: under UIDs from ``since`` on others may deliver the same beside it. A note that an earlier run left stays."""
        query = "INSERT OR IGNORE INTO meta VALUES (?, ?)"
        self._database.execute(query, (self._key("unwatched", folder), str(since)))

    def unwatched_since(self, folder: int) -> int | None:
        """What `unwatched` was told; None: whatever lies there was looked at, after ours had been sent."""
        told = self._noted("unwatched", folder)
        return None if told is None else int(told)

    def watched(self, folder: int) -> None:
        """What came beside ours is recorded, or has made way."""
        self._wipe("unwatched", folder)

    # -- folders that were gone ---------------------------------------------------------------------------------------

    def went_away(self, folder: int) -> None:
        """The target does not list it: what was in it is taken for removed, and so is what moved out of it on the old side. Its server may list it again."""
        self._note("away", folder, "")

    def folders_away(self) -> set[int]:
        """Those that `went_away` spoke of, and in which nobody has looked since."""
        return self._folders("away")

    def is_back(self, folder: int) -> None:
        """What had moved out of it is dealt with."""
        self._wipe("away", folder)

    # -- the rows -----------------------------------------------------------------------------------------------------

    def _key(self, kind: str, folder: int | str) -> str:
        return f"{kind}:{self._target}:{folder}"

    def _note(self, kind: str, folder: int, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (self._key(kind, folder), value))

    def _noted(self, kind: str, folder: int) -> str | None:
        query = "SELECT value FROM meta WHERE key = ?"
        row = self._database.execute(query, (self._key(kind, folder),)).fetchone()
        return None if row is None else str(row[0])

    def _wipe(self, kind: str, folder: int) -> None:
        self._database.execute("DELETE FROM meta WHERE key = ?", (self._key(kind, folder),))

    def _folders(self, kind: str) -> set[int]:
        before = self._key(kind, "")
        rows = self._database.execute("SELECT key FROM meta WHERE key >= ? AND key < ?", (before, f"{before}~"))
        return {int(key.removeprefix(before)) for (key,) in rows}
