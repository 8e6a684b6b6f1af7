"""What a run says of itself, held against what is there: its exit status, its sums, and what it calls a fault."""

import hashlib
from collections.abc import Callable
from typing import Any

from model.runs import Ended
from model.world import Side, World

FAULTS = ("altered", "duplicate", "missing", "refused", "unreadable")
"""How the codes of faults begin (`docs/outcomes.md`)."""


def ended_well(ended: Ended) -> list[str]:
    """It says no traceback, and a run that nobody cut comes to its end."""
    # an interrupt that arrives while the interpreter takes itself down is printed by it, and no fault of the run
    spoken = [done.errors for done in ended.dones if "Exception ignored" not in done.errors]
    found = [f"a traceback: {errors[-600:]}" for errors in spoken if "Traceback" in errors]
    if ended.order.beside:
        statuses = [done.status for done in ended.dones]
        ended_so = set(statuses)  # with 1 both may, where a fault is named: `violations` looks for it
        return [*found, *([f"two at once ended with {statuses}"] if 2 in ended_so or not {0, 1} & ended_so else [])]
    if not ended.complete and not ended.order.cut:
        found.append(f"the run ended with {ended.status}: {ended.dones[-1].errors[-300:]}")
    return found


def finds_everything(ended: Ended, old: Side) -> list[str]:
    """Every step's report found as many messages as there are on the old side."""
    there = sum(map(len, old.values()))
    totals = {report["totals"]["found"] for done in ended.dones if (report := done.report)}
    return [f"the report found {found} messages of {there}" for found in totals - {there}]


def violations(ended: Ended, world: World, *, faulty: bool, may_be: Callable[[str, str], bool]) -> list[str]:
    """Of each step that came to its end. ``may_be``: whether a message may be named as a fault with this code. ``faulty``: a server was made to refuse."""
    if not ended.complete:
        return []
    found = []
    for done in ended.dones:
        report = done.report
        assert report is not None
        found += _sums(report)
        named = [each for each in report["exceptions"] if each["code"].startswith(FAULTS)]
        why = named or [folder for folder in report["folders"] if folder["error"]] or report["stopped"]
        if done.status != (1 if why else 0):
            codes = ", ".join(sorted({each["code"] for each in named}))
            found.append(
                f"exit status {done.status}, and the report names {codes or why or 'no fault'}: {done.errors[-300:]}"
            )
        found += [] if faulty else _without_cause(report, named, world, may_be)
    return found


def named(ended: Ended, world: World) -> set[str]:
    """The messages that any step's report names as a fault."""
    tags = {hashlib.sha256(past.octets).hexdigest(): tag for tag, past in world.past.items()}
    rows = [each for done in ended.dones if (report := done.report) for each in report["exceptions"]]
    return {tags[each["sha256"]] for each in rows if each["code"].startswith(FAULTS) and each["sha256"] in tags}


def refused(ended: Ended) -> set[tuple[str, int]]:
    """Folder and UID on the old side of what it names as refused: its folder on the new side went away just then."""
    report = ended.report or {"exceptions": []}
    return {(each["folder"], each["uid"]) for each in report["exceptions"] if each["code"].startswith("refused")}


def _sums(report: dict[str, Any]) -> list[str]:
    """README, promise 2: found = delivered + already there + refused + left out. A run that stopped did not come to all, nor to what is in
    a folder that could not be opened."""
    if report["stopped"]:
        return []
    found = []
    closed = sum(line["unaccounted"] for line in report["folders"] if line["error"])
    for line in ({**report["totals"], "found": report["totals"]["found"] - closed}, *report["folders"]):
        parts = line["delivered"] + line["already_there"] + line["refused"] + line["left_out"]
        if line["found"] != parts and not line.get("error"):
            found.append(f"{line.get('folder', 'in total')}: found {line['found']}, but {parts} accounted for")
    return found


def _without_cause(
    report: dict[str, Any], named: list[dict[str, Any]], world: World, may_be: Callable[[str, str], bool]
) -> list[str]:
    """Nothing was made to go wrong, and the report says that something did."""
    errors = [] if world.changed_during else [folder for folder in report["folders"] if folder["error"]]
    found = [f"the report says of {folder['folder']}: {folder['error']}" for folder in errors]
    tags = {hashlib.sha256(past.octets).hexdigest(): tag for tag, past in world.past.items()}
    for each in named:
        tag = tags.get(each["sha256"])
        if tag is None and world.changed_during:
            continue  # it went away while it was read, so that what was read is no message that we know
        if tag is None or not may_be(tag, each["code"]):
            which = tag or f"UID {each['uid']}"
            found.append(f"{each['code']}: {which} in {each['folder']}, which is no fault ({each['detail']})")
    return found
