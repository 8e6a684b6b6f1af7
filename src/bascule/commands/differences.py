"""What `verify` found, for people and as JSON: what people did on the new side in one line a folder, what is to do and what is at fault by name."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from bascule.commands.terminal import say, say_json, so_many
from bascule.deliver.comparison import Comparison, Finding, Kind
from bascule.terms.errors import ExitStatus

_SHOWN = 100
"""Differences that a terminal is told one by one."""
_NAMED = 20
"""Of the messages of one folder that are no longer there."""
_NO_MEMORY = "No run of Bascule's is remembered for these two, so that it can't be told what people did on the new side: every difference is named."
_RUN_AGAIN = "The next run of “bascule copy” or “bascule deliver” brings it."


def show_comparison(result: Comparison, *, as_json: bool) -> ExitStatus:
    """Print it; 0 where all that differs is what people did on the new side, or was left out by choice."""
    if as_json:
        say_json(_as_dict(result))
    else:
        for line in _lines(result):
            say(line)
    return ExitStatus.ACCOUNTED if result.is_in_order else ExitStatus.MISSING


def _as_dict(result: Comparison) -> dict[str, Any]:
    return {
        "in_order": result.is_in_order,
        "knows_earlier_runs": result.knows,
        "expected": result.expected,
        **{name: result.counts[kind] for kind, name in _COUNTED.items()},
        "line_ends": result.line_ends,
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


def _lines(result: Comparison) -> Iterator[str]:
    if not result.knows:
        yield _NO_MEMORY
    yield from (f"{sentence}." for sentence in result.of_folders)
    yield from _grouped(result, Kind.LEFT_OUT, "left out")
    yield from _grouped(result, Kind.THEIRS, "theirs")
    named = [finding for finding in result.findings if finding.kind in (Kind.TO_DO, Kind.FAULT)]
    for finding in named[:_SHOWN]:
        yield f"{'to do: ' if finding.kind is Kind.TO_DO else ''}{_of_message(finding)}"
    if len(named) > _SHOWN:
        yield f"… and {len(named) - _SHOWN} more (--json shows all)"
    yield f"{result.counts[Kind.EQUAL]} of {result.expected} messages are equal in every octet, flag and date."
    yield from _summary(result)


def _of_message(finding: Finding) -> str:
    seen = f" ({finding.last_seen})" if finding.last_seen else ""
    return f"{' '.join(filter(None, (finding.folder, _which(finding))))}: {finding.what}{seen}"


def _which(finding: Finding) -> str:
    return " ".join(
        filter(None, (f"UID {finding.uid}" if finding.uid else "", f"“{finding.title}”" if finding.title else ""))
    )


def _grouped(result: Comparison, kind: Kind, label: str) -> Iterator[str]:
    """One line for all of a folder to which the same happened, since who reads it wants to know what is at fault, below; but what is no longer there is
    named, so that its owner can be asked."""
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in result.findings:
        if finding.kind is kind:
            groups[finding.folder, finding.what].append(finding)
    shown = list(groups.items())[:_SHOWN]
    for (folder, what), found in shown:
        yield f"{label}: {folder}, {so_many(len(found), 'message')}: {what}"
        named = [finding for finding in found if finding.last_seen]
        yield from (f"  {_which(finding)} ({finding.last_seen})" for finding in named[:_NAMED])
        if len(named) > _NAMED:
            yield f"  … and {len(named) - _NAMED} more (--json shows all)"
    if len(groups) > len(shown):
        yield f"… and more of the kind in {so_many(len(groups) - len(shown), 'folder')} (--json shows all)"


def _summary(result: Comparison) -> Iterator[str]:
    told: list[tuple[Kind, Callable[[int], str]]] = [
        (
            Kind.THEIRS,
            lambda n: (
                f"{n} {_differ(n)} by what was done on the new side (moved, removed, marked, or there before with another date), which is no fault of the move. "
                "Where nobody did it, ask who runs the new platform."
            ),
        ),
        (
            Kind.TO_DO,
            lambda n: (
                f"{n} {_differ(n)} by what happened on the old side since, or was not delivered yet. {_RUN_AGAIN}"
            ),
        ),
        (Kind.LEFT_OUT, lambda n: f"{n} left out."),
        (Kind.FAULT, lambda n: f"{n} {'is' if n == 1 else 'are'} at fault, and named above."),
    ]
    for kind, phrase in told:
        if result.counts[kind] and (result.knows or kind is Kind.FAULT):
            yield phrase(result.counts[kind])
    if result.line_ends:
        yield f"Of the equal ones {result.line_ends} had lines that end in LF alone; on the new side they end in CRLF, as mail does (RFC 5322)."


def _differ(number: int) -> str:
    return "differs" if number == 1 else "differ"
