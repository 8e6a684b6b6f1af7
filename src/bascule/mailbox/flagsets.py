"""Flag sets are few and messages many: each distinct set is stored once and named by number."""

from bascule.mailbox.database import Connection
from bascule.terms.flags import Flags


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
