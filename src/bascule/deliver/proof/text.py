"""The report for a terminal or a letter: a table of folders, the exceptions, and one sentence that says it all."""

from bascule.deliver.proof.report import FolderCounts, Report
from bascule.deliver.proof.words import Words, counted, grouped
from bascule.terms.printable import printable

_SHOWN_EXCEPTIONS = 50


def _numbers(counts: FolderCounts) -> list[str]:
    return [grouped(n) for n in (counts.found, counts.delivered, counts.already_there, counts.refused, counts.left_out)]


def verdict(report: Report, words: Words) -> str:
    """One sentence: what happened, and whether everything is accounted for."""
    totals = report.totals
    if report.stopped:
        return words.stopped.format(report.stopped)
    if report.accounted:
        unread = report.verified.get("no", 0)
        good = words.good_unread if unread else words.good
        return good.format(grouped(totals.found), grouped(unread))
    told = [
        (words.refused, totals.refused),
        (words.altered, totals.altered),
        (words.unaccounted, totals.unaccounted),
        (words.broken, sum(1 for folder in report.folders if folder.error)),
    ]
    parts = [counted(pair, number) for pair, number in told if number]
    return words.bad.format(grouped(totals.found), ", ".join(parts))


def read_back(report: Report, words: Words) -> str:
    """How what was delivered was read back; empty when nothing was delivered."""
    told = report.verified
    parts = [("octets", words.in_full), ("details", words.by_details), ("no", words.not_read)]
    return ", ".join(phrase.format(grouped(told[how])) for how, phrase in parts if told.get(how))


def on_the_new_side(report: Report, words: Words) -> list[str]:
    """What somebody did there since it was delivered: a sentence each."""
    totals = report.totals
    told = [(words.removed, totals.removed), (words.marked, totals.marked)]
    return [counted(pair, number) for pair, number in told if number]


def as_text(report: Report, words: Words, *, all_exceptions: bool = False) -> str:
    lines = [f"{report.command}: {report.source} → {report.target}" if report.target else report.source, ""]
    lines += _table(report, words)
    if told := read_back(report, words):
        lines += ["", words.verified.format(told)]
        lines += [words.by_details_only] if report.verified.get("details") else []
    lines += on_the_new_side(report, words)
    lines += ["", verdict(report, words)]
    shown = report.exceptions if all_exceptions else report.exceptions[:_SHOWN_EXCEPTIONS]
    for folder in report.folders:
        if folder.error:
            lines.append(f"  {folder.folder}: {folder.error}")
        elif folder.renamed:
            lines.append("  " + words.renamed.format(folder.folder, folder.target, folder.renamed))
    for one in shown:
        subject = f" “{one.subject}”" if one.subject else ""
        saved = f" ({words.saved} {one.saved_as})" if one.saved_as else ""
        lines.append(f"  {one.folder} UID {one.uid}{subject}: {one.code}: {one.detail}{saved}")
    if len(shown) < len(report.exceptions):
        lines.append("  " + words.more.format(grouped(len(report.exceptions) - len(shown))))
    return "\n".join(map(printable, lines))


def _table(report: Report, words: Words) -> list[str]:
    first, *heads = words.heads
    rows = [(folder.folder, _numbers(folder)) for folder in report.folders]
    rows.append((words.total, _numbers(report.totals)))
    width = min(48, max(len(name) for name in [first, *(name for name, _ in rows)]))
    columns = [max(len(head), *(len(values[i]) for _, values in rows)) for i, head in enumerate(heads)]

    def line(name: str, values: list[str]) -> str:
        return f"{name[:width]:<{width}}  " + "  ".join(f"{v:>{c}}" for v, c in zip(values, columns, strict=True))

    body = [line(name, values) for name, values in rows]
    return [line(first, heads), *body[:-1], "-" * len(body[-1]), body[-1]]
