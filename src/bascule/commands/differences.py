"""What `verify` found, for people and as JSON: what people did on the new side in one line a folder, what is to do and what is at fault by name."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bascule.commands.terminal import say, say_json
from bascule.deliver.comparison import Comparison, Finding, Kind
from bascule.deliver.comparison.words import ComparisonWords
from bascule.deliver.proof.words import counted
from bascule.terms.errors import ExitStatus
from bascule.terms.size import grouped

_SHOWN = 100
"""Differences that a terminal is told one by one."""
_NAMED = 20
"""Of the messages of one folder that are no longer there."""


def show_comparison(result: Comparison, words: ComparisonWords, *, as_json: bool) -> ExitStatus:
    """Print it; 0 where all that differs is what people did on the new side, or was left out by choice. JSON is in English whatever the ``words``."""
    if as_json:
        say_json(_as_dict(result))
    else:
        for line in _lines(result, words):
            say(line)
    return ExitStatus.ACCOUNTED if result.is_in_order else ExitStatus.MISSING


def _as_dict(result: Comparison) -> dict[str, Any]:
    return {
        "in_order": result.is_in_order,
        "knows_earlier_runs": result.knows,
        "expected": result.expected,
        **{name: result.counts[kind] for kind, name in _COUNTED.items()},
        "line_ends": result.line_ends,
        "folders_not_compared": result.not_compared,
        "folders": result.of_folders,
        "differences": [asdict(finding) for finding in result.findings],
    }


_COUNTED = {
    Kind.EQUAL: "equal",
    Kind.THEIRS: "theirs",
    Kind.TO_DO: "to_do",
    Kind.FAULT: "faults",
    Kind.LEFT_OUT: "left_out",
}


def _lines(result: Comparison, words: ComparisonWords) -> Iterator[str]:
    if not result.knows:
        yield words.no_memory
    yield from (f"{words.own(sentence)}." for sentence in result.of_folders)
    yield from _grouped(result, Kind.LEFT_OUT, words.left_out, words)
    yield from _grouped(result, Kind.THEIRS, words.theirs, words)
    named = [finding for kind in (Kind.FAULT, Kind.TO_DO) for finding in result.findings if finding.kind is kind]
    for finding in named[:_SHOWN]:
        yield f"{words.to_do if finding.kind is Kind.TO_DO else ''}{_of_message(finding, words)}"
    if len(named) > _SHOWN:
        yield words.more.format(grouped(len(named) - _SHOWN))
    yield words.equal.format(grouped(result.counts[Kind.EQUAL]), grouped(result.expected))
    yield from _summary(result, words)


def _of_message(finding: Finding, words: ComparisonWords) -> str:
    which = " ".join(filter(None, (finding.folder, _which(finding, words))))
    return f"{words.of_message.format(which, words.own(finding.what))}{_seen(finding, words)}"


def _seen(finding: Finding, words: ComparisonWords) -> str:
    return words.seen.format(words.own(finding.last_seen)) if finding.last_seen else ""


def _which(finding: Finding, words: ComparisonWords) -> str:
    title = words.report.quoted.format(finding.title) if finding.title else ""
    return " ".join(filter(None, (f"UID {finding.uid}" if finding.uid else "", title)))


def _grouped(result: Comparison, kind: Kind, label: str, words: ComparisonWords) -> Iterator[str]:
    """One line for all of a folder to which the same happened, since who reads it wants to know what is at fault, below; but what is no longer there is
    named, so that its owner can be asked."""
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in result.findings:
        if finding.kind is kind:
            groups[finding.folder, finding.what].append(finding)
    shown = list(groups.items())[:_SHOWN]
    for (folder, what), found in shown:
        yield f"{label}{counted(words.of_folder, len(found), folder, words.own(what))}"
        named = [finding for finding in found if finding.last_seen]
        yield from (f"  {_which(finding, words)}{_seen(finding, words)}" for finding in named[:_NAMED])
        if len(named) > _NAMED:
            yield f"  {words.more.format(grouped(len(named) - _NAMED))}"
    if len(groups) > len(shown):
        yield counted(words.more_folders, len(groups) - len(shown))


def _summary(result: Comparison, words: ComparisonWords) -> Iterator[str]:
    told = [
        (Kind.THEIRS, words.differ_theirs),
        (Kind.TO_DO, words.differ_to_do),
        (Kind.LEFT_OUT, words.were_left_out),
        (Kind.FAULT, words.at_fault),
    ]
    for kind, phrase in told:
        if result.counts[kind] and (result.knows or kind is Kind.FAULT):
            yield counted(phrase, result.counts[kind])
    if result.not_compared:
        yield counted(words.not_compared, result.not_compared)
    if result.line_ends:
        yield words.line_ends.format(grouped(result.line_ends))
