"""Flag sets are few and messages many: each distinct set is stored once and named by number."""

from bascule.mailbox.database import Connection
from bascule.terms.flags import Flags, keywords_of

SETS_OCTETS = 1024 * 1024
"""Of all sets of a live mailbox, as they are written, once a person's programs make new ones: 20,000 usual ones, where a mailbox has some dozens. They are never
forgotten, no quota counts them, and a process that has the mailbox open holds those that it met, in up to fifty times as much memory."""


class FlagSets:
    def __init__(self, database: Connection) -> None:
        self._database = database
        self._number: dict[Flags, int] = {}
        self._flags: dict[int, Flags] = {}
        self._rollbacks = 0

    def number_of(self, flags: Flags) -> int:
        """The number of ``flags``, adding a row within the caller's transaction where it is new."""
        if self._database.rollbacks != self._rollbacks:
            self._forget_rolled_back()
        number = self._number.get(flags)
        if number is None:
            names = " ".join(sorted(flags))
            self._database.execute("INSERT OR IGNORE INTO flagsets (names) VALUES (?)", (names,))
            number = int(self._database.execute("SELECT id FROM flagsets WHERE names = ?", (names,)).fetchone()[0])
            self._number[flags] = number
        return number

    def has_room_for(self, flags: Flags) -> bool:
        """Whether a person's program may make the set: its keywords were together already, whatever system flags were with them, or there is room (`SETS_OCTETS`)."""
        if self._database.rollbacks != self._rollbacks:
            self._forget_rolled_back()
        keywords = keywords_of(flags)
        if flags in self._number or not keywords:
            return True
        (octets,) = self._database.execute("SELECT coalesce(sum(length(names)), 0) FROM flagsets").fetchone()
        if octets + sum(len(name) + 1 for name in flags) <= SETS_OCTETS:
            return True
        kept = self._database.execute("SELECT names FROM flagsets")
        return any(keywords == keywords_of(frozenset(names.split(" ")) - {""}) for (names,) in kept)

    def flags_of(self, number: int) -> Flags:
        if self._database.rollbacks != self._rollbacks:
            self._forget_rolled_back()
        flags = self._flags.get(number)
        if flags is None:
            row = self._database.execute("SELECT names FROM flagsets WHERE id = ?", (number,)).fetchone()
            flags = self._flags[number] = frozenset(row[0].split(" ")) - {""}
        return flags

    def _forget_rolled_back(self) -> None:
        """Numbers that were handed out within a transaction that was rolled back do not exist, or will be another set's."""
        self._rollbacks = self._database.rollbacks
        self._number.clear()
        self._flags.clear()
