"""The tables of `docs/later-runs.md`, read from the page itself: what the document says is what the oracle asks for."""

import re
from functools import cache
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "later-runs.md"
OLD_WORDS = ("new", "same", "UIDVALIDITY new", "flagged", "moved", "folder renamed", "deleted", "folder gone")


@cache
def tables() -> dict[tuple[str, str, str], str]:
    """(old side, ledger, new side) → what is done, in the page's words."""
    cells: dict[tuple[str, str, str], str] = {}
    words: list[str] = []
    columns: list[str] = []
    for line in _PAGE.read_text("utf-8").splitlines():
        if line.startswith("Old side *"):
            words, columns = [word for word in re.findall(r"\*([^*]+)\*", line) if word in OLD_WORDS], []
        elif line.startswith("## "):
            words = []
        elif words and line.startswith("|"):
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns = row
            elif not row[0].startswith("-"):
                cells.update(
                    {(word, row[0], column): cell for word in words for column, cell in zip(columns[1:], row[1:])}
                )
    return cells


def what_is_done(old: str, ledger: str, new: str) -> str:
    """One cell."""
    return tables()[old, ledger, new]
