"""Markdown tables of what `peers_on_quirks.py` and `peers_on_histories.py` found.

``python bench/peers_tables.py --quirks FILE… --histories FILE…`` prints them for `docs/benchmarks.md`; several files are read as one.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "src")]

from peers import quirk_trial  # noqa: E402
from peers.histories import HISTORIES  # noqa: E402
from peers.limits import RUN_SECONDS  # noqa: E402
from peers.roster import PEERS  # noqa: E402
from peers.telling import TELLING  # noqa: E402
from peers.yardstick import Outcome  # noqa: E402

from support.quirks.catalogue import QUIRKS  # noqa: E402

Rows = dict[str, dict[str, dict[str, Any]]]
NOT_RUN = "–"
HISTORY_CLASSES = (
    "right", "removed mail comes back", "removed folder comes back", "doubled", "lost", "deletion follows", "move not followed",
    "flags do not follow", "member's filing undone", "member's mark undone", "last run ends with", "hangs", "crashed",
)  # fmt: skip


def read(files: Iterable[Path]) -> Rows:
    """Later files win."""
    found: Rows = {}
    for file in files:
        for peer, rows in json.loads(file.read_text()).items():
            found.setdefault(peer, {}).update(rows)
    return found


def table(head: list[str], rows: Iterable[list[str]]) -> None:
    print("|", " | ".join(head), "|\n|" + "---|" * len(head))
    for row in rows:
        print("|", " | ".join(row), "|")
    print()


def measured(rows: Rows) -> list[str]:
    return [peer.name for peer in PEERS if rows.get(peer.name)]


def versions(rows: Rows) -> None:
    table(
        ["", "version", "called as"],
        ([p.name, next(iter(rows[p.name].values()))["version"], p.how] for p in PEERS if rows.get(p.name)),
    )


def plain(rows: Rows) -> None:
    """What each does to the forty messages where there is no quirk at all."""
    kinds = ("lost", "octets", "header", "flags", "date", "folder")
    lines = []
    for peer in measured(rows):
        row = rows[peer][quirk_trial.PLAIN.name]
        cells = [str(row["differences"].get(kind, "") or "") for kind in kinds]
        lines.append([peer, *cells, ", ".join(map(str, row["statuses"])), row["outcome"]])
    table(["no quirk, 40 messages", *kinds, "exit statuses", ""], lines)


def counts(rows: Rows, place: str) -> None:
    """How many quirks at ``place`` had each outcome, a row for each peer."""
    names = [case.name for case in quirk_trial.cases() if case.place == place and case is not quirk_trial.PLAIN]
    classes = [str(outcome) for outcome in Outcome]
    lines = []
    for peer in measured(rows):
        found = Counter(str(rows[peer][name]["outcome"]) for name in names if name in rows[peer])
        if found:
            quiet = sum(_is_only_a_warning(rows[peer][name]) for name in names if name in rows[peer])
            cells = [str(found[each] or "") for each in classes]
            cells[classes.index("named")] += f" ({quiet})" * bool(quiet)
            lines.append([peer, *cells, str(len(names) - sum(found[each] for each in classes) or "")])
    table([f"{len(names)} quirks as {place}", *classes, "not run"], lines)


def _is_only_a_warning(row: dict[str, Any]) -> bool:
    """What differs is named in the output, and the exit status of the last run is 0."""
    return bool(row["outcome"] == Outcome.NAMED and not row["statuses"][-1])


def word(row: dict[str, Any] | None) -> str:
    if row is None:
        return NOT_RUN
    return str(row["outcome"]) + " ²" * (row.get("seconds", RUN_SECONDS) > RUN_SECONDS)


def telling(rows: Rows) -> None:
    peers = measured(rows)
    table(
        ["quirk", "side", *peers],
        (
            [_sentence(name), place, *(word(rows[peer].get(f"{name}-{place}")) for peer in peers)]
            for name, place in (each.rsplit("-", 1) for each in TELLING)
        ),
    )


def _sentence(name: str) -> str:
    """Of the catalogue."""
    text = " ".join((QUIRKS[name].__doc__ or "").split()).replace("|", "\\|").replace("``", "`")
    return f"`{name}`: {text.rstrip('.')}"


def of_histories(rows: Rows) -> None:
    peers = measured(rows)
    table(
        ["history", *peers],
        ([name, *(_history_word(rows[peer].get(name)) for peer in peers)] for name in HISTORIES),
    )


def _history_word(row: dict[str, Any] | None) -> str:
    return NOT_RUN if row is None else str(row["outcome"]).replace("last run ends with", "exit") + (" ¹" * row["uncut"])


def history_counts(rows: Rows) -> None:
    lines = []
    for peer in measured(rows):
        found = Counter(
            each for name in HISTORIES for each in HISTORY_CLASSES if each in word(rows[peer].get(name))
        )  # fmt: skip
        lines.append([peer, *(str(found[each] or "") for each in HISTORY_CLASSES)])
    table(
        [f"{len(HISTORIES)} histories", *(f"{each} (≠ 0)" * (each[-4:] == "with") or each for each in HISTORY_CLASSES)],
        lines,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quirks", type=Path, nargs="*", default=[])
    parser.add_argument("--histories", type=Path, nargs="*", default=[])
    chosen = parser.parse_args()
    if quirks := read(chosen.quirks):
        versions(quirks)
        plain(quirks)
        for place in ("source", "target"):
            counts(quirks, place)
        telling(quirks)
    if histories := read(chosen.histories):
        history_counts(histories)
        of_histories(histories)


if __name__ == "__main__":
    main()
