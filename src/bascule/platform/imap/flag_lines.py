"""FETCH responses that tell flags and nothing else: those of many messages in one piece. RFC 9051 §7.5.2"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bascule.platform.imap.view import View

Told = tuple[int, int, int]
"""UID, flag set, MODSEQ."""


def flag_lines(
    view: "View", numbers: Iterable[int], rows: Sequence[Told], *, rev2: bool, uids: bool = True, modseqs: bool = False
) -> bytes:
    """``rows`` by UID, with the sequence number of each. Before what this gives is sent, `View.keyword_news` is."""
    out: list[str] = []
    numbered = iter(numbers)
    start = 0
    while start < len(rows):
        first = rows[start][0]
        recent = not rev2 and view.is_recent(first)
        end = len(rows) if rev2 else view.alike(rows, start)
        run = rows[start:end]
        sets = {flagset for _, flagset, _ in run}
        names = {flagset: view.flag_names(flagset, recent=recent).decode("ascii") for flagset in sets}
        start = end
        if uids and modseqs:
            out += [
                f"* {n} FETCH (UID {uid} FLAGS ({names[flagset]}) MODSEQ ({modseq}))\r\n"
                for (uid, flagset, modseq), n in zip(run, numbered, strict=False)
            ]
        elif uids:
            out += [
                f"* {n} FETCH (UID {uid} FLAGS ({names[flagset]}))\r\n"
                for (uid, flagset, _), n in zip(run, numbered, strict=False)
            ]
        else:
            out += [
                f"* {n} FETCH (FLAGS ({names[flagset]}))\r\n" for (_, flagset, _), n in zip(run, numbered, strict=False)
            ]
    return "".join(out).encode("ascii")
