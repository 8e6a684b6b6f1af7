"""The report as one self-contained page: no script, no request to the outside, light and dark, and it prints."""

import html

from bascule.deliver.proof.report import FolderCounts, Report
from bascule.deliver.proof.text import on_the_new_side, read_back, verdict
from bascule.deliver.proof.words import Words, counted, grouped
from bascule.terms.printable import printable

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
@media (max-width: 36rem) { td:first-child { min-width: 5rem } .words thead { display: none }
  .words tr { display: block; padding: .6rem 0; border-bottom: 1px solid var(--line) } .words td { display: block; border: 0; padding: .1rem 0 } }
@media print { body { padding: 0; font-size: 11pt } .verdict { border: 1px solid } tr { break-inside: avoid } }
"""


def as_page(report: Report, words: Words) -> str:
    """HTML that a person can read and file."""
    good = "good" if report.accounted else "bad"
    facts = [
        (words.source, report.source),
        (words.target, report.target or "–"),
        (words.begun, _when(report.started)),
        (words.ended, _when(report.finished)),
        (words.read_back, read_back(report, words) or words.nothing),
        (words.by, f"Bascule {report.version}"),
    ]
    facts += [("", sentence) for sentence in on_the_new_side(report, words)]
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    note = f"{words.note} {words.by_details_only}" if report.verified.get("details") else words.note
    title = escape(words.title.format(words.kinds.get(report.command, report.command)))
    return (
        f'<!doctype html>\n<html lang="{words.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>Bascule: {escape(report.source)}</title>'
        f"<style>{_STYLE}</style></head><body>"
        f'<h1>{title}</h1><p class="verdict {good}">{escape(verdict(report, words))}</p><dl>{told}</dl>'
        f"{_folders(report, words)}{_exceptions(report, words)}"
        f'<p class="note">{escape(note)}</p></body></html>\n'
    )


def escape(text: str) -> str:
    """The one writer of a value into this page: nothing in it is markup, ends an attribute, or turns the text round."""
    return html.escape(printable(text))


def _when(iso: str) -> str:
    return iso.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")


def _cells(counts: FolderCounts) -> str:
    values = (counts.found, counts.delivered, counts.already_there, counts.refused, counts.left_out)
    return "".join(f"<td{'' if value else ' class=none'}>{grouped(value)}</td>" for value in values)


def _folders(report: Report, words: Words) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in words.heads)
    rows = []
    for folder in report.folders:
        notes = [folder.error, words.on_target.format(folder.target, folder.renamed) if folder.renamed else ""]
        if folder.unaccounted:
            notes.append(counted(words.unaccounted, folder.unaccounted))
        note = "".join(f'<br><span class="note">{escape(text)}</span>' for text in notes if text)
        rows.append(f"<tr><td>{escape(folder.folder)}{note}</td>{_cells(folder)}</tr>")
    return (
        f'<h2>{words.folders}</h2><div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        f"<tfoot><tr><td>{words.total}</td>{_cells(report.totals)}</tr></tfoot></table></div>"
    )


def _exceptions(report: Report, words: Words) -> str:
    if not report.exceptions:
        return f"<h2>{words.exceptions}</h2><p>{words.none}</p>"
    rows = []
    for one in report.exceptions:
        told = " · ".join(text for text in (one.sender, _when(one.date)) if text)
        who = f'<br><span class="note">{escape(told)}</span>' if told else ""
        saved = f"<br>{words.saved.capitalize()} <code>{escape(one.saved_as)}</code>" if one.saved_as else ""
        what = words.codes.get(one.code, one.code)
        rows.append(
            f"<tr><td>{escape(one.folder)}<br><span class='note'>UID {one.uid}</span></td>"
            f"<td>{escape(one.subject) or '–'}{who}</td><td>{escape(what)}{words.colon}{escape(one.detail)}{saved}</td></tr>"
        )
    heads = "".join(f'<th scope="col">{head}</th>' for head in words.exception_heads)
    return (
        f'<h2>{words.exceptions}</h2><div class="scroll"><table class="words"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
