"""The report for a terminal or a letter: a table of folders, the exceptions, and one sentence that says it all."""

from bascule.deliver.proof.report import FolderCounts, Report, ReportedException
from bascule.deliver.proof.words import Pair, Words, counted
from bascule.terms.outcome import NOTHING_TO_MEND, REFUSED_MENDED
from bascule.terms.printable import printable
from bascule.terms.size import grouped

TO_DISK = ("capture", "import")
"""What these commands count as delivered is in a mailbox on disk."""
_SHOWN_EXCEPTIONS = 50
_SHOWN_FOLDERS = 20
"""Of those left out by choice: `--folder` leaves out all others."""


def words_for(report: Report, words: Words) -> Words:
    """What this report says otherwise than another of its language: of files, and of what went into a mailbox on disk."""
    words = words.of(report.origin or report.source)
    return words.on_disk() if report.command in TO_DISK else words


def figures(counts: FolderCounts) -> list[str]:
    """What the table says of a folder, beneath its heads."""
    values = (counts.found, counts.delivered, counts.already_there, counts.refused, counts.left_out)
    return [grouped(value) if counts.reached else "–" for value in values]


def verdict(report: Report, words: Words) -> str:
    """One sentence or two: whether everything is accounted for, and what is to be looked at."""
    if report.stopped:
        return words.stopped.format(words.own(report.stopped).rstrip("."), _to_do(report, words))
    if report.accounted:
        return _good(report, words)
    parts = words.semicolon.join(_counted_ones(_to_look_at(report, words)))
    if not report.totals.found:
        return f"{words.bad_empty.format(_scope(report, words), parts)} {words.named}"
    left_out = words.and_left_out.format(_left_out(report, words)) if report.totals.left_out else ""
    well = _in_order(report)
    in_order = counted(words.in_order, well) if well else words.none_in_order
    return f"{counted(words.bad, report.totals.found, _scope(report, words), in_order, left_out, parts)} {words.named}"


def _good(report: Report, words: Words) -> str:
    totals, unread, scope = report.totals, report.verified.get("no", 0), _scope(report, words)
    if not totals.found:
        return words.empty_chosen if scope else words.empty
    if totals.left_out:
        parts = _counted_ones([(words.delivered, totals.delivered), (words.already_there, totals.already_there)])
        told = counted(words.good_parts, totals.found, scope, ", ".join([*parts, _left_out(report, words)]))
    else:
        told = counted(words.good, totals.found, scope)
    if unread:
        return f"{told} {words.unread[totals.found > 1].format(grouped(unread))}"
    if not report.verified:
        return told
    return f"{told} {(words.read_rest if totals.removed else words.read_whole)[totals.found > 1]}"


def _to_do(report: Report, words: Words) -> str:
    """What a run that was stopped did not come to; empty where that is nothing."""
    unreached = sum(1 for folder in report.folders if not (folder.reached or folder.error))
    left = [(words.unfinished, max(0, report.totals.unaccounted)), (words.unreached_folder, unreached)]
    return words.to_do.format(words.semicolon.join(told)) if (told := _counted_ones(left)) else ""


def _counted_ones(of: list[tuple[Pair, int]]) -> list[str]:
    return [counted(pair, number) for pair, number in of if number]


def _scope(report: Report, words: Words) -> str:
    """Of which folders the verdict speaks, where that is not all of them."""
    return words.chosen if report.left_out_folders else ""


def _left_out(report: Report, words: Words) -> str:
    """How many messages are left out by choice, and for what."""
    why = ", ".join(phrase for reason, phrase in words.left_out_why.items() if reason in report.left_out_why)
    return counted(words.left_out, report.totals.left_out, why)


def _in_order(report: Report) -> int:
    totals = report.totals
    return max(0, totals.found - totals.refused - totals.left_out - totals.altered - max(0, totals.unaccounted))


def _to_look_at(report: Report, words: Words) -> list[tuple[Pair, int]]:
    totals, folders = report.totals, report.folders
    return [
        (words.refused, totals.refused),
        (words.altered, totals.altered),
        (words.unaccounted, totals.unaccounted - totals.unlisted),
        (words.unlisted, totals.unlisted),
        (words.unreached_folder, sum(1 for folder in folders if not (folder.reached or folder.error))),
        (words.unread_folder, sum(1 for folder in folders if folder.error and folder.error_of != "target")),
        (words.refused_folder, sum(1 for folder in folders if folder.error and folder.error_of == "target")),
    ]


def read_back(report: Report, words: Words) -> str:
    """How what was delivered was read back, and when; empty when nothing was delivered."""
    told = report.verified
    parts = [("octets", words.in_full), ("details", words.by_details), ("no", words.not_read)]
    how = ", ".join(counted(phrase, told[how]) for how, phrase in parts if told.get(how))
    first, last = words.when(report.read_back_first), words.when(report.read_back_last)
    if not how or not first:
        return how
    return words.verified_on.format(how, first) if first == last else words.verified_between.format(how, first, last)


def beside(report: Report, words: Words) -> list[str]:
    """What is no fault and worth knowing, a sentence each: what somebody did on the new side since, and what mail's own form asks for."""
    totals = report.totals
    told = [(words.removed, totals.removed), (words.marked, totals.marked), (words.line_ends, totals.line_ends)]
    return [*_this_run(report, words), *_counted_ones(told)]


def _this_run(report: Report, words: Words) -> list[str]:
    """What this run did, where that is not what all runs did."""
    did = report.this_run
    if not did or (did["delivered"] >= report.totals.delivered and not (did["moved"] or did["flagged"])):
        return []
    parts = [(words.delivered, did["delivered"]), (words.moved, did["moved"]), (words.flagged, did["flagged"])]
    return [words.this_run.format(", ".join(_counted_ones(parts)) or words.nothing_new)]


def left_out_folders(report: Report, words: Words, shown: int | None = None) -> str:
    """Which folders were left out by choice, the first ``shown`` of them by name; empty where none was."""
    names = report.left_out_folders
    told = names[:shown]
    if len(told) < len(names):
        told = [*told, words.more.format(grouped(len(names) - len(told)))]
    return words.left_out_folders[len(names) > 1].format(", ".join(told)) if names else ""


def of_folder(folder: FolderCounts, words: Words, *, is_stopped: bool) -> list[str]:
    """What is to be known and done of one folder, a sentence each. ``is_stopped``: the verdict says already what is left to do."""
    notes = []
    if folder.error:
        of_source = words.unread_note if folder.reached else words.never_read_note
        phrase = words.refused_note if folder.error_of == "target" else of_source
        notes.append(phrase.format(words.own(folder.error).rstrip(".")))
    if folder.unread and not (folder.error or is_stopped):
        notes.append(counted(words.unread_rest, folder.unread))
    if folder.unlisted:
        notes.append(counted(words.unlisted_note, folder.unlisted))
    return notes


def as_text(report: Report, words: Words, *, is_file: bool = False) -> str:
    """``is_file``: with everything that there is to name, and the key; else as much as a terminal shows."""
    words = words_for(report, words)
    kind = words.kinds.get(report.command, report.command)
    whose = " → ".join(filter(None, (report.source, report.target)))
    lines = [f"{kind[:1].upper()}{kind[1:]}{words.colon}{whose}", ""]
    lines += _table(report, words)
    if told := read_back(report, words):
        lines += ["", words.verified.format(told)]
        lines += [words.by_details_only] if report.verified.get("details") else []
    lines += beside(report, words)
    if out := left_out_folders(report, words, None if is_file else _SHOWN_FOLDERS):
        lines += ["", out]
    lines += ["", verdict(report, words)]
    shown = report.exceptions if is_file else report.exceptions[:_SHOWN_EXCEPTIONS]
    for folder in report.folders:
        lines += [
            f"  {folder.folder}{words.colon}{note}"
            for note in of_folder(folder, words, is_stopped=bool(report.stopped))
        ]
        if folder.renamed:
            phrase = words.same_name if folder.folder == folder.target else words.renamed
            lines.append("  " + phrase.format(folder.folder, folder.target, words.own(folder.renamed)))
    lines += [_exception(one, words) for one in shown]
    if len(shown) < len(report.exceptions):
        lines.append("  " + words.more.format(grouped(len(report.exceptions) - len(shown))))
    lines += _remedies(report, words)
    if is_file and report.signing_key:
        lines += ["", f"{words.key}{words.colon}{report.signing_key}"]
    return "\n".join(map(printable, lines))


def _exception(one: ReportedException, words: Words) -> str:
    subject = f" {words.quoted.format(one.subject)}" if one.subject else ""
    saved = f" ({words.saved} {one.saved_as})" if one.saved_as else ""
    return f"  {one.folder} UID {one.uid}{subject}{words.colon}{_what(one, words)}{saved}"


def _what(one: ReportedException, words: Words) -> str:
    """Code and reason; the code alone is left out where the reason begins with it."""
    name, detail = _code_name(one.code, words), words.own(one.detail)
    return detail if detail.startswith(f"{name} ") else words.colon.join(filter(None, [name, detail]))


def _code_name(code: str, words: Words) -> str:
    return words.code_names.get(code, code)


def remedy(one: ReportedException, words: Words) -> str:
    """What to do about it; empty where the code is none of ours."""
    in_vain = one.detail.endswith((REFUSED_MENDED, NOTHING_TO_MEND))
    return words.mended_in_vain if in_vain else words.remedies.get(one.code, "")


def _remedies(report: Report, words: Words) -> list[str]:
    """For each code that occurs: what it means, and what to do."""
    needed = dict.fromkeys((one.code, remedy(one, words)) for one in report.exceptions if one.code in words.codes)
    told = [f"  {_code_name(code, words)}{words.colon}{words.codes[code]}. {what}" for code, what in needed]
    return ["", f"{words.what_to_do}{words.colon.rstrip()}", *told] if told else []


def _table(report: Report, words: Words) -> list[str]:
    first, *heads = words.heads
    rows = [(folder.folder, figures(folder)) for folder in report.folders]
    rows.append((words.total, figures(report.totals)))
    width = min(48, max(len(name) for name in [first, *(name for name, _ in rows)]))
    columns = [max(len(head), *(len(values[i]) for _, values in rows)) for i, head in enumerate(heads)]

    def line(name: str, values: list[str]) -> str:
        return f"{name[:width]:<{width}}  " + "  ".join(f"{v:>{c}}" for v, c in zip(values, columns, strict=True))

    *body, total = [line(name, values) for name, values in rows]
    body = [
        text if folder.reached else f"{text}  {words.unreached}"
        for text, folder in zip(body, report.folders, strict=True)
    ]
    return [line(first, heads), *body, "-" * len(total), total]
