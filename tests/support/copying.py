"""`bascule copy` from one place to another, and what must hold of it: all is there or named, and nothing else is named."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support import standing
from support.command import bascule, report_of
from support.kinds import Place
from support.standing import Standing


class Trial:
    """A copy, and what must hold afterwards."""

    def __init__(self, tmp_path: Path, old: Place, new: Place, *words: str, url: str = "") -> None:
        self.tmp_path, self.old, self.new, self.words = tmp_path, old, new, words
        self.url = url or new.url
        self.before = old.look()

    def run(self) -> dict[str, Any]:
        done = bascule(
            self.tmp_path, "copy", self.old.url, self.url, "--json", "--state", self.tmp_path / "state", *self.words, status=None
        )  # fmt: skip
        assert done.returncode in (0, 1), f"{done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        report = report_of(done)
        assert report["accounted"] is (done.returncode == 0)
        return report

    def hold(self) -> dict[str, Any]:
        """Run twice, and hold both against what stands on either side. The first run's report."""
        assert sum(len(folder.messages) for folder in self.before.values()) > 110
        report = self.run()
        after = self.new.look()
        faults = faults_of(self.before, after, report)
        again = self.run()
        if again["accounted"] is not report["accounted"] or again["totals"] != report["totals"]:
            faults.append(f"the second run counts {again['totals']} after {report['totals']}")
        faults += [
            f"the second run changed {folder}: {counts}" for folder, counts in added(after, self.new.look()).items()
        ]
        if self.old.look() != self.before:
            faults.append("the old side was changed")
        assert not faults, "\n".join(faults)
        return report


def added(before: dict[bytes, Standing], after: dict[bytes, Standing]) -> dict[str, tuple[int, int]]:
    """The folders in which anything changed: how many messages before, and after."""
    return {
        (before.get(name) or after[name]).shown: (_count(before, name), _count(after, name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }


def _count(found: dict[bytes, Standing], name: bytes) -> int:
    return len(found[name].messages) if name in found else -1


def faults_of(before: dict[bytes, Standing], after: dict[bytes, Standing], report: dict[str, Any]) -> list[str]:
    """What is neither there nor named, and what is named though it is there: nothing, where a copy is good."""
    sources = [folder for folder in before.values() if folder.counted >= 0]
    faults = []
    if Counter(row["found"] for row in report["folders"]) != Counter(folder.counted for folder in sources):
        faults.append(f"found {report['totals']['found']}, and the server counts {sum(f.counted for f in sources)}")
    rows = _rows_of(sources, report)
    met = [name for name, times in Counter(row["target"] for row in report["folders"]).items() if times > 1]
    faults += [f"several folders in {name}" for name in met]
    for source in sources:
        if source.name in rows:
            faults += [
                f"{source.name!r}: {fault}" for fault in _faults_of_folder(source, rows[source.name], after, report)
            ]
        else:
            faults.append(f"{source.name!r} with {source.counted} messages is not in the report")
    whole = all(not row["error"] for row in report["folders"]) and not report["exceptions"] and not report["stopped"]
    if report["accounted"] is not whole:
        faults.append("the exit status does not agree with what the report names")
    return faults


def _rows_of(sources: list[Standing], report: dict[str, Any]) -> dict[bytes, dict[str, Any]]:
    """The report's row of each folder: by name, or where several have one name by what they hold."""
    rows = list(report["folders"])
    found: dict[bytes, dict[str, Any]] = {}
    for by_name in (True, False):
        for source in sources:
            alike = [r for r in rows if r["found"] == source.counted and (r["folder"] == source.shown or not by_name)]
            if source.name not in found and alike:
                found[source.name] = alike[0]
                rows.remove(alike[0])
    return found


def _faults_of_folder(
    source: Standing, row: dict[str, Any], after: dict[bytes, Standing], report: dict[str, Any]
) -> Iterator[str]:
    named = Counter(e["uid"] for e in report["exceptions"] if e["folder"] == row["folder"])
    target = _target_of(source, row, after)
    if target is None:
        if source.counted and not row["error"] and named.total() != source.counted:
            yield f"is not on the new side, where the report has it as {row['target']!r}"
        return
    yield from _differences(source, target, named)
    if source.subscribed and not target.subscribed and target.name != b"INBOX":  # which every program shows
        yield "no longer subscribed"


def _target_of(source: Standing, row: dict[str, Any], after: dict[bytes, Standing]) -> Standing | None:
    """The folder of the same name; or where the report says that it is another, the one that it shows, as the server writes it."""
    folders = [folder for folder in after.values() if folder.selectable]
    if row["renamed"] or row["folder"] != source.shown:
        return next((f for f in folders if standing.path_of(f.name, b"", "\0") == (row["target"],)), None)
    same = [folder for folder in folders if folder.path == source.path]
    return next((f for f in same if f.name == b"INBOX" or len(same) == 1), None)


def _differences(source: Standing, target: Standing, named: Counter[int]) -> list[str]:
    """What is not there as it was and is not named; and what is named without a reason."""
    missing, extra = source.keys() - target.keys(), target.keys() - source.keys()
    owed = {uid: key for uid, key in source.messages if key in missing}
    faults = []
    if missing.total() != named.total() or not set(named) <= set(owed):
        unlike = [f"UID {uid}: {key}" for uid, key in owed.items() if uid not in named][:3]
        faults.append(f"{missing.total()} differ, {named.total()} are named; {unlike}; there {list(extra)[:3]}")
    if extra.total() > missing.total():
        faults.append(f"{extra.total() - missing.total()} too many")
    return faults
