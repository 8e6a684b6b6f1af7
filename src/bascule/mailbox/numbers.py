"""Numbers are numbers: SQLite keeps whatever it is given in a column, and a mailbox may have been made by anybody.

A UID that is `../../x`, markup, or a command of IMAP would be taken at its word wherever a number is written.
"""

import sqlite3
from functools import cache
from pathlib import Path

from bascule.mailbox.format import CATALOGUE_TABLES, MailboxError

_IS_NO_NUMBER = "typeof({0}) NOT IN ('integer', 'null')"
"""SQL. A whole number may be stored as 3.0 all the same, in a catalogue whose tables somebody declared otherwise, and is no UID."""


def require_numbers(database: sqlite3.Connection, path: Path) -> None:
    """Looks at every row of the catalogue at ``path``, about a microsecond for a message. Raises MailboxError where something else than a
    number, or nothing, stands in a column of numbers; sqlite3.Error."""
    for table, columns in _columns_of_numbers().items():
        there = {name for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}
        tests = [_IS_NO_NUMBER.format(column) for column in columns if column in there]
        query = f"SELECT 1 FROM {table} WHERE {' OR '.join(tests)} LIMIT 1"
        if tests and database.execute(query).fetchone():
            raise MailboxError(
                f"{path} is damaged: in its table “{table}”, something else stands where a number belongs.",
                "Run “bascule check” on the mailbox; do not use it if somebody else made it, else restore the file from a backup.",
            )


@cache
def _columns_of_numbers() -> dict[str, list[str]]:
    """By table, as the format has them; one that an older Bascule made may lack some."""
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(CATALOGUE_TABLES)
        query = (
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c"
            " WHERE t.type = 'table' AND c.type = 'INTEGER'"
        )
        found: dict[str, list[str]] = {}
        for table, column in database.execute(query):
            found.setdefault(table, []).append(column)
        return found
    finally:
        database.close()
