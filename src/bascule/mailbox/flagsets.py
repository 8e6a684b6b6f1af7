"""Flag sets are few and messages many: each distinct set is stored once and named by number."""

import sqlite3

from bascule.terms.flags import Flags


class FlagSets:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._number: dict[Flags, int] = {}
        self._flags: dict[int, Flags] = {}

    def number_of(self, flags: Flags) -> int:
        """The number of ``flags``, adding a row within the caller's transaction where it is new."""
        number = self._number.get(flags)
        if number is None:
            names = " ".join(sorted(flags))
            self._database.execute("INSERT OR IGNORE INTO flagsets (names) VALUES (?)", (names,))
            number = int(self._database.execute("SELECT id FROM flagsets WHERE names = ?", (names,)).fetchone()[0])
            self._number[flags] = number
        return number

    def flags_of(self, number: int) -> Flags:
        flags = self._flags.get(number)
        if flags is None:
            row = self._database.execute("SELECT names FROM flagsets WHERE id = ?", (number,)).fetchone()
            flags = self._flags[number] = frozenset(row[0].split(" ")) - {""}
        return flags

    def forget(self) -> None:
        """After a rollback: numbers handed out within it do not exist."""
        self._number.clear()
