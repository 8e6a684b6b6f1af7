"""The report for a terminal or a letter: a table of folders, the exceptions, and one sentence that says it all."""

from bascule.deliver.proof.report import FolderCounts, Report, ReportedException
from bascule.deliver.proof.words import Pair, Words, counted, grouped
from bascule.terms.printable import printable

_SHOWN_EXCEPTIONS = 50


def _numbers(counts: FolderCounts) -> list[str]:
    return [grouped(n) for n in (counts.found, counts.delivered, counts.already_there, counts.refused, counts.left_out)]


def verdict(report: Report, words: Words) -> str:
    """One sentence or two: whether everything is accounted for, and what is to be looked at."""
    found = report.totals.found
    if report.stopped:
        return words.stopped.format(words.own(report.stopped).rstrip("."))
    if report.accounted:
        return _good(report, words)
    parts = [counted(pair, number) for pair, number in _to_look_at(report, words) if number]
    return (
        words.bad[found > 1].format(grouped(found), grouped(_in_order(report)), words.semicolon.join(parts))
        + f" {words.named}"
    )


def _good(report: Report, words: Words) -> str:
    found, unread = report.totals.found, report.verified.get("no", 0)
    if not found:
        return words.empty
    if unread:
        return counted(words.good_unread, found, grouped(unread))
    return counted(words.good_read if report.verified else words.good, found)


def _in_order(report: Report) -> int:
    totals = report.totals
    return max(0, totals.found - totals.refused - totals.altered - max(0, totals.unaccounted))


def _to_look_at(report: Report, words: Words) -> list[tuple[Pair, int]]:
    totals, folders = report.totals, report.folders
    return [
        (words.refused, totals.refused),
        (words.altered, totals.altered),
        (words.unaccounted, totals.unaccounted - totals.unlisted),
        (words.unlisted, totals.unlisted),
        (words.unread_folder, sum(1 for folder in folders if folder.error and folder.error_of != "target")),
        (words.refused_folder, sum(1 for folder in folders if folder.error and folder.error_of == "target")),
    ]


def read_back(report: Report, words: Words) -> str:
    """How what was delivered was read back, and when; empty when nothing was delivered."""
    told = report.verified
    parts = [("octets", words.in_full), ("details", words.by_details), ("no", words.not_read)]
    how = ", ".join(phrase.format(grouped(told[how])) for how, phrase in parts if told.get(how))
    first, last = words.when(report.read_back_first), words.when(report.read_back_last)
    if not how or not first:
        return how
    return words.verified_on.format(how, first) if first == last else words.verified_between.format(how, first, last)


def beside(report: Report, words: Words) -> list[str]:
    """What is no fault and worth knowing, a sentence each: what somebody did on the new side since, and what mail's own form asks for."""
    totals = report.totals
    told = [(words.removed, totals.removed), (words.marked, totals.marked), (words.line_ends, totals.line_ends)]
    return [counted(pair, number) for pair, number in told if number]


def of_folder(folder: FolderCounts, words: Words) -> list[str]:
    """What is to be known and done of one folder, a sentence each."""
    notes = []
    if folder.error:
        phrase = words.refused_note if folder.error_of == "target" else words.unread_note
        notes.append(phrase.format(words.own(folder.error).rstrip(".")))
    if folder.unlisted:
        notes.append(counted(words.unlisted_note, folder.unlisted))
    return notes


def as_text(report: Report, words: Words, *, all_exceptions: bool = False) -> str:
    lines = [f"{report.command}: {report.source} → {report.target}" if report.target else report.source, ""]
    lines += _table(report, words)
    if told := read_back(report, words):
        lines += ["", words.verified.format(told)]
        lines += [words.by_details_only] if report.verified.get("details") else []
    lines += beside(report, words)
    lines += ["", verdict(report, words)]
    shown = report.exceptions if all_exceptions else report.exceptions[:_SHOWN_EXCEPTIONS]
    for folder in report.folders:
        lines += [f"  {folder.folder}: {note}" for note in of_folder(folder, words)]
        if folder.renamed:
            lines.append("  " + words.renamed.format(folder.folder, folder.target, words.own(folder.renamed)))
    lines += [_exception(one, words) for one in shown]
    if len(shown) < len(report.exceptions):
        lines.append("  " + words.more.format(grouped(len(report.exceptions) - len(shown))))
    lines += _remedies(report, words)
    return "\n".join(map(printable, lines))


def _exception(one: ReportedException, words: Words) -> str:
    subject = f" “{one.subject}”" if one.subject else ""
    saved = f" ({words.saved} {one.saved_as})" if one.saved_as else ""
    return f"  {one.folder} UID {one.uid}{subject}: {one.code}: {words.own(one.detail)}{saved}"


def _remedies(report: Report, words: Words) -> list[str]:
    """For each code that occurs: what it means, and what to do."""
    codes = dict.fromkeys(one.code for one in report.exceptions)
    told = [
        f"  {code}{words.colon}{words.codes[code]}. {words.remedies[code]}" for code in codes if code in words.codes
    ]
    return ["", f"{words.what_to_do}{words.colon.rstrip()}", *told] if told else []


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
