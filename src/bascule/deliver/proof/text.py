"""The report for a terminal or a letter: a table of folders, the exceptions, and one sentence that says it all."""

from bascule.deliver.proof.report import FolderCounts, Report

_SHOWN_EXCEPTIONS = 50
_HEADS = ("found", "delivered", "already there", "refused", "left out")


def _numbers(counts: FolderCounts) -> list[str]:
    values = (counts.found, counts.delivered, counts.already_there, counts.refused, counts.left_out)
    return [f"{value:,}".replace(",", " ") for value in values]


def verdict(report: Report) -> str:
    """One sentence: what happened, and whether everything is accounted for."""
    totals = report.totals
    number = f"{totals.found:,}".replace(",", " ")
    if report.stopped:
        return f"Stopped before the end: {report.stopped}"
    if report.accounted:
        return f"All {number} messages are accounted for; none was lost or altered."
    parts = []
    if totals.refused:
        parts.append(f"{totals.refused} refused")
    if totals.altered:
        parts.append(f"{totals.altered} altered by the target")
    if totals.unaccounted:
        parts.append(f"{totals.unaccounted} without an outcome")
    broken = sum(1 for folder in report.folders if folder.error)
    if broken:
        parts.append(f"{broken} folder{'s' if broken > 1 else ''} not read or not made")
    return f"Of {number} messages: {', '.join(parts)}. Each is named below."


def verified_sentence(report: Report) -> str:
    """How what was delivered was read back."""
    told = report.verified
    parts = []
    if told.get("octets"):
        parts.append(f"{told['octets']} read back in full")
    if told.get("details"):
        parts.append(f"{told['details']} by size, date and flags")
    if told.get("no"):
        parts.append(f"{told['no']} not read back")
    return f"Verified: {', '.join(parts)}." if parts else ""


def as_text(report: Report, *, all_exceptions: bool = False) -> str:
    lines = [f"{report.command}: {report.source} → {report.target}" if report.target else report.source, ""]
    lines += _table(report)
    if sentence := verified_sentence(report):
        lines += ["", sentence]
    lines += ["", verdict(report)]
    shown = report.exceptions if all_exceptions else report.exceptions[:_SHOWN_EXCEPTIONS]
    for folder in report.folders:
        if folder.error:
            lines.append(f"  {folder.folder}: {folder.error}")
        elif folder.renamed:
            lines.append(f"  {folder.folder} is {folder.target} on the target: {folder.renamed}")
    for one in shown:
        subject = f" “{one.subject}”" if one.subject else ""
        saved = f" (saved as {one.saved_as})" if one.saved_as else ""
        lines.append(f"  {one.folder} UID {one.uid}{subject}: {one.code}: {one.detail}{saved}")
    if len(shown) < len(report.exceptions):
        lines.append(f"  … and {len(report.exceptions) - len(shown)} more, in the report's files")
    return "\n".join(lines)


def _table(report: Report) -> list[str]:
    rows = [(folder.folder, _numbers(folder)) for folder in report.folders]
    rows.append(("Total", _numbers(report.totals)))
    width = min(48, max(len(name) for name, _ in [*rows, ("Folder", [])]))
    columns = [max(len(head), *(len(values[i]) for _, values in rows)) for i, head in enumerate(_HEADS)]

    def line(name: str, values: list[str]) -> str:
        return f"{name[:width]:<{width}}  " + "  ".join(f"{v:>{c}}" for v, c in zip(values, columns, strict=True))

    body = [line(name, values) for name, values in rows]
    return [line("Folder", list(_HEADS)), *body[:-1], "-" * len(body[-1]), body[-1]]
