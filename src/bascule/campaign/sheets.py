"""The one writer of CSV: for people, who open it in a spreadsheet, and for `members_file`, which reads it."""

import csv
import io
from collections.abc import Iterable, Sequence

from bascule.terms.printable import printable

_RUNS = ("=", "+", "-", "@")
"""What a spreadsheet takes for a formula at the beginning of a cell (OWASP, "CSV Injection"); tabs and line ends are not there any more."""


def sheet(rows: Iterable[Sequence[object]]) -> str:
    """For a spreadsheet. A cell that one would run has an apostrophe before it; a control character is written ``\\x1b``."""
    return _written([_as_text(str(cell)) for cell in row] for row in rows)


def member_list(rows: Iterable[Sequence[str]]) -> str:
    """For `parse_members`: each value comes back as it is, but for line ends within it, which no name has."""
    return _written([" ".join(cell.split()) for cell in row] for row in rows)


def _as_text(cell: str) -> str:
    shown = printable(cell)
    return f"'{shown}" if shown.startswith(_RUNS) else shown


def _written(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(rows)
    return out.getvalue()
