"""The report as one self-contained page: no script, no request to the outside, light and dark, phone and paper."""

import html

from bascule.deliver.proof.report import FolderCounts, Report, ReportedException
from bascule.deliver.proof.style import STYLE
from bascule.deliver.proof.text import (
    beside,
    figures,
    left_out_folders,
    of_folder,
    read_back,
    remedy,
    verdict,
    words_for,
)
from bascule.deliver.proof.words import Words
from bascule.terms.printable import printable


def as_page(report: Report, words: Words) -> str:
    """HTML that a person can read and file."""
    words = words_for(report, words)
    title = escape(words.title.format(words.kinds.get(report.command, report.command)))
    good = "good" if report.accounted else "bad"
    return (
        f'<!doctype html>\n<html lang="{words.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Bascule{escape(words.colon)}{escape(report.source)}</title>'
        f"<style>{STYLE}</style></head><body><main>"
        f'<h1>{title}</h1><p class="note">{escape(_whose(report, words))}</p><p class="verdict {good}">{escape(verdict(report, words))}</p>'
        f"{_exceptions(report, words)}{_folders(report, words)}{_facts(report, words)}{_terms(report, words)}"
        f"</main></body></html>\n"
    )


def escape(text: str) -> str:
    """The one writer of a value into this page: nothing in it is markup, ends an attribute, or turns the text round."""
    return html.escape(printable(text))


def _whose(report: Report, words: Words) -> str:
    """Of which mailbox it is, and of when."""
    return f"{' → '.join(filter(None, (report.source, report.target)))} · {words.when(report.finished)}"


def _facts(report: Report, words: Words) -> str:
    facts = [
        (words.source, report.source),
        (words.target, report.target or "–"),
        (words.begun, words.when(report.started)),
        (words.ended, words.when(report.finished)),
        (words.read_back, read_back(report, words) or words.nothing),
        (words.by, f"Bascule {report.version}"),
        (words.key, report.signing_key or "–"),
    ]
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<h2>{escape(words.details)}</h2><dl>{told}</dl>"


def _terms(report: Report, words: Words) -> str:
    told = "".join(f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in words.terms)
    note = f"{words.note} {words.by_details_only}" if report.verified.get("details") else words.note
    return f'<h2>{escape(words.terms_heading)}</h2><dl class="note">{told}</dl><p class="note">{escape(note)}</p>'


def _cells(counts: FolderCounts, words: Words) -> str:
    """On a phone each figure stands behind its name, which is in the cell for that."""
    return "".join(
        f'<td{" class=none" if value == "0" else ""}><span class="head">{escape(head)}</span>{escape(value)}</td>'
        for head, value in zip(words.heads[1:], figures(counts), strict=True)
    )


def _folders(report: Report, words: Words) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in words.heads)
    is_stopped = bool(report.stopped)
    rows = "".join(
        f'<tr><th scope="row">{escape(folder.folder)}{_notes(folder, words, is_stopped=is_stopped)}</th>{_cells(folder, words)}</tr>'
        for folder in report.folders
    )
    sentences = filter(None, [*beside(report, words), left_out_folders(report, words)])
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return (
        f'<h2>{escape(words.folders)}</h2>{told}<table class="figures"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>'
        f'<tfoot><tr><th scope="row">{escape(words.total)}</th>{_cells(report.totals, words)}</tr></tfoot></table>'
    )


def _notes(folder: FolderCounts, words: Words, *, is_stopped: bool) -> str:
    renamed = words.on_target.format(folder.target, words.own(folder.renamed)) if folder.renamed else ""
    notes = [f'<span class="fault">{escape(note)}</span>' for note in of_folder(folder, words, is_stopped=is_stopped)]
    notes += [] if folder.reached or folder.error else [f'<span class="note">{escape(words.unreached)}</span>']
    notes += [f'<span class="note">{escape(renamed)}</span>'] if renamed else []
    return "".join(notes)


def _exceptions(report: Report, words: Words) -> str:
    if not report.exceptions:
        return f"<h2>{escape(words.exceptions)}</h2><p>{escape(words.none)}</p>"
    rows = "".join(_exception(one, words) for one in report.exceptions)
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in words.exception_heads)
    return f'<h2>{escape(words.exceptions)}</h2><table class="words"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _exception(one: ReportedException, words: Words) -> str:
    told = " · ".join(text for text in (one.sender, words.when(one.date)) if text)
    who = f'<span class="note">{escape(told)}</span>' if told else ""
    what = words.codes.get(one.code, one.code)
    reason = f"{words.colon}{words.own(one.detail)}" if one.detail else ""
    saved = f"<p>{escape(words.saved.capitalize())} <code>{escape(one.saved_as)}</code></p>" if one.saved_as else ""
    what_to_do = remedy(one, words)
    to_do = (
        f"<p><strong>{escape(words.what_to_do + words.colon)}</strong>{escape(what_to_do)}</p>" if what_to_do else ""
    )
    return (
        f'<tr><td>{escape(one.folder)}<span class="note">UID {escape(str(one.uid))}</span></td><td>{escape(one.subject) or "–"}{who}</td>'
        f"<td><p>{escape(what)}{escape(reason)}</p>{saved}{to_do}</td></tr>"
    )
