"""The report as one self-contained page: no script, no request to the outside, light and dark, and it prints."""

from html import escape

from bascule.deliver.proof.report import FolderCounts, Report
from bascule.deliver.proof.text import verdict, verified_sentence

_STYLE = """
:root { color-scheme: light dark; --ink:#1d2530; --soft:#5b6675; --line:#d9dee5; --ground:#fff; --good:#0b6b3a; --bad:#a32018;
  --good-ground:#e9f6ee; --bad-ground:#fdeeec; }
@media (prefers-color-scheme: dark) { :root { --ink:#e7ebf0; --soft:#a3adba; --line:#39424e; --ground:#14181d; --good:#7ddba5;
  --bad:#ff9d93; --good-ground:#12301f; --bad-ground:#3b1815; } }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0 auto; max-width: 62rem;
  padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
.verdict { padding: 1rem 1.25rem; border-radius: .6rem; font-size: 1.1rem; margin: 1.5rem 0; font-weight: 600 }
.good { color: var(--good); background: var(--good-ground) } .bad { color: var(--bad); background: var(--bad-ground) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0 } dt { color: var(--soft) } dd { margin: 0;
  overflow-wrap: anywhere }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .45rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
th:first-child, td:first-child, .words td, .words th { text-align: left; overflow-wrap: anywhere }
thead th { color: var(--soft); font-weight: 600; font-size: .9rem; white-space: nowrap } tfoot td { font-weight: 700; border: 0 }
td:first-child { min-width: 9rem } td.none { color: var(--soft) }
.note { color: var(--soft); font-size: .9rem } code { font-size: .85em; overflow-wrap: anywhere }
@media print { body { padding: 0; font-size: 11pt } .verdict { border: 1px solid } tr { break-inside: avoid } }
"""
_CODES = {
    "refused-empty": "The new platform refuses a message without content",
    "refused-size": "The new platform refuses a message of this size",
    "refused-content": "The new platform refuses what is in it",
    "refused-quota": "The new platform had no room left",
    "refused-folder": "The new platform does not make or open the folder",
    "altered": "Delivered, and not quite as it was",
    "duplicate": "One copy too many",
    "unreadable": "The old platform lists it and does not give it",
    "missing": "Accepted by the new platform, and not there when read back",
}
_HEADS = ("Folder", "Found", "Delivered", "Already there", "Refused", "Left out")


def as_page(report: Report) -> str:
    """HTML that a person can read and file."""
    good = "good" if report.accounted else "bad"
    facts = [
        ("From", report.source),
        ("To", report.target or "–"),
        ("Begun", _when(report.started)),
        ("Ended", _when(report.finished)),
        ("Read back", verified_sentence(report).removeprefix("Verified: ") or "nothing"),
        ("By", f"Bascule {report.version}"),
    ]
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Bascule report: {escape(report.source)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>Report of {escape(report.command)}</h1><p class="verdict {good}">{escape(verdict(report))}</p><dl>{told}</dl>'
        f"{_folders(report)}{_exceptions(report)}"
        '<p class="note">For each folder: found = delivered + already there + refused + left out by choice. Altered messages are '
        "counted as delivered, and are named. The SHA-256 of each message is in manifest.sha256 beside this page; "
        "“bascule report --check certificate.json” tells whether any of these files was changed.</p></body></html>\n"
    )


def _when(iso: str) -> str:
    return iso.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")


def _cells(counts: FolderCounts) -> str:
    values = (counts.found, counts.delivered, counts.already_there, counts.refused, counts.left_out)
    cells = (f"<td{'' if value else ' class=none'}>{value:,}</td>" for value in values)
    return "".join(cells).replace(",", "\u202f")


def _folders(report: Report) -> str:
    heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)
    rows = []
    for folder in report.folders:
        notes = [folder.error, f"on the target: {folder.target} ({folder.renamed})" if folder.renamed else ""]
        if folder.unaccounted:
            notes.append(f"{folder.unaccounted} without an outcome")
        note = "".join(f'<br><span class="note">{escape(text)}</span>' for text in notes if text)
        rows.append(f"<tr><td>{escape(folder.folder)}{note}</td>{_cells(folder)}</tr>")
    return (
        f'<h2>Folders</h2><div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        f"<tfoot><tr><td>Total</td>{_cells(report.totals)}</tr></tfoot></table></div>"
    )


def _exceptions(report: Report) -> str:
    if not report.exceptions:
        return "<h2>Exceptions</h2><p>None.</p>"
    rows = []
    for one in report.exceptions:
        told = " · ".join(text for text in (one.sender, _when(one.date)) if text)
        who = f'<br><span class="note">{escape(told)}</span>' if told else ""
        saved = f"<br>Saved as <code>{escape(one.saved_as)}</code>" if one.saved_as else ""
        rows.append(
            f"<tr><td>{escape(one.folder)}<br><span class='note'>UID {one.uid}</span></td>"
            f"<td>{escape(one.subject) or '–'}{who}</td><td>{escape(_CODES.get(one.code, one.code))}: {escape(one.detail)}{saved}</td></tr>"
        )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Where", "Message", "What happened"))
    return (
        f'<h2>Exceptions</h2><div class="scroll"><table class="words"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
