"""A quirk on one side or on either: `bascule copy` is run once, once more, and, where all should be exact, a day later; what is wrong.

Judged by what the two servers hold in memory, not by what either says: a message is lost when the target does not hold it with its
octets, flags and arrival, and one too many when the target holds it, and the source does not.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imapclient.imap_utf7 import decode

from bascule.terms.printable import printable
from support.command import report_of
from support.hurry import Done, bascule_in_a_hurry
from support.quirks import EXACT, Ends, Quirk, QuirkServer, Store, sample
from support.quirks.store import Folder, Key, Message, key

READING = {
    "CAPABILITY", "LOGIN", "AUTHENTICATE", "ENABLE", "ID", "NAMESPACE", "LIST", "LSUB", "STATUS", "EXAMINE", "FETCH", "SEARCH",
    "UID FETCH", "UID SEARCH", "NOOP", "UNSELECT", "LOGOUT", "COMPRESS", "STARTTLS",
}  # fmt: skip
UNTRUE = re.compile(r"name and the password|bascule: \.|: \.$", re.MULTILINE)
"""No quirk refuses a password; and every error has words."""

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]|line\nfeed")


@dataclass
class Trial:
    """``old_quirk`` and ``new_quirk``: of either side, plain where there is none. ``thorough``: a last run forgets
    what the others remembered. ``left_open``: connections that were there
    after a run. ``wrong``: what is not as it should be, a sentence each, in the order of the runs."""

    tmp: Path
    old_quirk: Quirk
    new_quirk: Quirk
    thorough: bool = False
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.old, self.new = Store(), Store()
        sample.fill(self.old)
        self.old_quirk.prepare_other(self.new)
        self.new_quirk.prepare_other(self.old)
        self.source, self.target = QuirkServer(self.old_quirk, self.old), QuirkServer(self.new_quirk, self.new)
        both = self.old_quirk, self.new_quirk
        self._state = "state"
        self.left_open = 0
        self.words = [*dict.fromkeys(word for quirk in both for word in quirk.words)]
        self.anywhere = any(quirk.anywhere for quirk in both)
        allowed = [self.old_quirk.as_source or EXACT, self.new_quirk.as_target or EXACT]
        self.is_exact = all(each is EXACT for each in allowed)
        self.endings = [each.told for each in allowed if isinstance(each, Ends)]
        self.is_known_again = all(each is EXACT or quirk.forgets for quirk, each in zip(both, allowed, strict=True))
        self.passes = all(each is EXACT or quirk.passes for quirk, each in zip(both, allowed, strict=True))

    def run(self) -> list[str]:
        with self.source, self.target:
            self.before, self.held_before = self.new.keys(), self._keys(self.new)
            self.at_first = self._keys(self.old)
            first = self._copy()
            if first is not None:
                self._judge_first(first)
                for quirk in (self.old_quirk, self.new_quirk):
                    quirk.pass_by()
                self._judge_second()
                self._judge_third()
        return self.wrong

    # -- a run --------------------------------------------------------------------------------------------------------

    def _copy(self) -> Done | None:
        """One run, and what must hold of every run. None: it raised."""
        untouched = self.old.snapshot()
        words = ["--json", "--quiet", "--settle", "0.5", "--state", self.tmp / self._state, *self.words]
        try:
            done = bascule_in_a_hurry(self.tmp, "copy", self.source.url, self.target.url, *words)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what the trial is to tell
            self.wrong.append(f"a traceback: {type(error).__name__}: {error}")
            return None
        self.left_open += self.source.hang_up() + self.target.hang_up()
        if done.returncode == 130:
            self.wrong.append("it hangs, and had to be interrupted")
        if not self.old_quirk.moves_by_itself and self.old.snapshot() != untouched:
            self.wrong.append("the old side was changed")
        for command in self.source.commands:
            if command.verb not in READING or re.search(rb"BODY\[|RFC822(?!\.SIZE)", command.line.upper()):
                self.wrong.append(f"the old side was sent {command.verb}: {command.line[:80]!r}")
                break
        if found := UNTRUE.search(done.stderr + _stopped(done)):
            self.wrong.append(f"it says what is not true, or nothing: “{_line_with(found)}”")
        if found := CONTROL.search(done.stderr):
            self.wrong.append(f"it writes control characters to the terminal: {found[0]!r}")
        if missing := self.before - self.new.keys():
            self.wrong.append(f"{missing.total()} of the messages that the new side had before are gone")
        return done

    # -- the three runs -----------------------------------------------------------------------------------------------

    def _judge_first(self, done: Done) -> None:
        report = _report(done)
        stopped = _stopped(done)
        lost, surplus = self._differences(during=self.old_quirk.moves_by_itself)
        if report is None or stopped:
            told = done.stderr + stopped
            if not any(ending.search(told) for ending in self.endings):
                self.wrong.append(f"the run ends: “{_brief(told)}”")
            self._duplicates(lost, surplus)
            return
        if self.is_exact:
            self._exact(done, report, lost, surplus, "")
        else:
            self._named(done, report, lost, surplus)

    def _judge_second(self) -> None:
        lost, surplus = self._differences()
        before = self.new.keys()
        done = self._copy()
        if done is None:
            return
        after = self.new.keys()
        added, removed = after - before, before - after
        if removed:
            self.wrong.append(f"the second run removes {removed.total()} messages from the new side")
        missing = max(0, lost.total() - surplus.total())
        if added.total() > missing:
            self.wrong.append(f"the second run adds {added.total()} messages, {missing} were missing")
        lost, surplus = self._differences()
        report = _report(done)
        if report is None or _stopped(done):
            if not self.endings or self.passes:
                self.wrong.append(f"the second run ends: “{_brief(done.stderr + _stopped(done))}”")
        elif self.passes:
            self._exact(done, report, lost, surplus, "the second run: ")
        else:
            self._duplicates(lost, surplus)

    def _judge_third(self) -> None:
        """A day later: what came and what was flagged follows, and what went stays where it is."""
        forgets = self.thorough or self.old_quirk.forgets or self.new_quirk.forgets
        if not self.is_exact:
            if forgets and self.is_known_again and not self.endings:
                self._judge_forgetful()
            return
        self.old_quirk.later(self.old)
        sample.pass_a_day(self.old)
        self._judge_later("a day later: ", gone=1)
        if forgets:
            self._state = "another state"
            self._judge_later("without what was remembered: ", gone=1)

    def _judge_forgetful(self) -> None:
        """Where not all can be exact: nothing is sent twice though nothing is remembered."""
        self._state = "another state"
        lost, surplus = self._differences()
        missing = max(0, lost.total() - surplus.total())
        before = self.new.keys()
        self._copy()
        added = self.new.keys() - before
        if added.total() > missing:
            self.wrong.append(f"without what was remembered: {added.total()} messages are added, {missing} are missing")

    def _judge_later(self, which: str, gone: int) -> None:
        """``gone``: how many messages of the new side the old one has no more."""
        done = self._copy()
        if done is None:
            return
        lost, surplus = self._differences()
        if lost:
            self.wrong.append(f"{which}{lost.total()} changes of the old side do not follow")
        if surplus.total() > gone + lost.total():
            self.wrong.append(f"{which}{surplus.total() - gone} messages too many on the new side")
        if done.returncode:
            told = _brief(done.stderr + _stopped(done) + _exceptions(done))
            self.wrong.append(f"{which}exit status {done.returncode}: {told}")

    # -- judging ------------------------------------------------------------------------------------------------------

    def _keys(self, store: Store) -> Counter[Key]:
        found: Counter[Key] = Counter()
        for folder in store.folders.values():
            for message in folder.messages:
                found[self._key(folder, message)] += 1
        return found

    def _key(self, folder: Folder, message: Message) -> Key:
        """Without the folder where that may differ; keywords are one in any case (RFC 5788 §3)."""
        name, digest, flags, second = key(folder, message)
        folded = frozenset(flag if flag.startswith(b"\\") else flag.lower() for flag in flags)
        return b"" if self.anywhere else name, digest, folded, second

    def _shown(self, folder: Folder) -> str:
        """A folder's name as people and reports write it."""
        name = printable(str(decode(folder.name)) if folder.name.isascii() else folder.name.decode("latin-1"))
        return name.removeprefix("INBOX.").replace(".", "/") if self.old.separator == b"." else name

    def _differences(self, *, during: bool = False) -> tuple[Counter[Key], Counter[Key]]:
        """What the old side has and the new one has not, and what the new one has besides. ``during``: what came while the run went on
        need not have been seen, and what went may have been."""
        there, kept = self._keys(self.old), self._keys(self.new)
        if during:
            there &= self.at_first
        expected = there | self.held_before
        return there - kept, kept - (expected | self.at_first if during else expected)

    def _duplicates(self, lost: Counter[Key], surplus: Counter[Key]) -> None:
        if surplus.total() > lost.total():
            self.wrong.append(f"{surplus.total() - lost.total()} messages too many on the new side")

    def _exact(self, done: Done, report: dict[str, Any], lost: Counter[Key], surplus: Counter[Key], which: str) -> None:
        if lost:
            self.wrong.append(f"{which}{lost.total()} messages are not on the new side as they are on the old")
        if surplus:
            self.wrong.append(f"{which}{surplus.total()} messages on the new side are not on the old")
        if done.returncode or report["exceptions"]:
            self.wrong.append(f"{which}exit status {done.returncode}: {_brief(done.stderr + _exceptions(done))}")
        here = self._keys(self.old).total()
        if report["totals"]["found"] != here and not self.old_quirk.moves_by_itself:
            self.wrong.append(f"{which}{report['totals']['found']} messages found, {here} are there")

    def _named(self, done: Done, report: dict[str, Any], lost: Counter[Key], surplus: Counter[Key]) -> None:
        self._duplicates(lost, surplus)
        named = Counter((e["folder"], e["uid"]) for e in report["exceptions"])
        faulty = {row["folder"] for row in report["folders"] if row["error"]}
        silent = 0
        for lost_key, count in lost.items():
            bearers = [
                (self._shown(folder), message.uid)
                for folder in self.old.folders.values()
                for message in folder.messages
                if self._key(folder, message) == lost_key
            ]
            told = sum(bearer in named or bearer[0] in faulty for bearer in bearers)
            silent += max(0, count - told)
        if silent:
            self.wrong.append(f"{silent} of {lost.total()} messages that differ are not named")
        if lost and not done.returncode:
            self.wrong.append("messages differ, and the exit status is 0")
        refused = any(e["code"] == "refused-folder" for e in report["exceptions"])
        if refused and self.new_quirk.says and self.new_quirk.says not in done.stderr + done.stdout:
            self.wrong.append(f"nothing says “{self.new_quirk.says}”: {_brief(done.stderr + _exceptions(done))}")
        here = sum(len(f.messages) for f in self.old.folders.values() if self._shown(f) not in faulty)
        if report["totals"]["found"] < here and not self.old_quirk.moves_by_itself:
            self.wrong.append(f"{report['totals']['found']} messages found, {here} are there")
        named_in = {e["folder"] for e in report["exceptions"]}
        for row in report["folders"]:
            if row["unaccounted"] and not row["error"] and row["folder"] not in named_in:
                self.wrong.append(f"{row['unaccounted']} of {row['folder']} are unaccounted for, and none is named")
        self._merged(report)

    def _merged(self, report: dict[str, Any]) -> None:
        """Two folders in one must be told."""
        targets = Counter(row["target"].lower() for row in report["folders"] if row["found"])
        for row in report["folders"]:
            if self.new.folds_case and targets[row["target"].lower()] > 1 and not (row["renamed"] or row["error"]):
                self.wrong.append(f"{row['folder']} is put into a folder with another one, and nothing says so")


def _report(done: Done) -> dict[str, Any] | None:
    return report_of(done) if done.stdout.strip() else None  # type: ignore[arg-type]  # has what it reads


def _stopped(done: Done) -> str:
    report = _report(done)
    return str(report["stopped"]) if report else ""


def _exceptions(done: Done) -> str:
    report = _report(done)
    if report is None:
        return ""
    told = Counter(f"{e['code']}: {e['detail']}" for e in report["exceptions"])
    errors = [f"{row['folder']}: {row['error']}" for row in report["folders"] if row["error"]]
    unnamed = report["totals"]["unaccounted"]
    return "; ".join(
        [
            *(f"{count} {text}" for text, count in told.most_common(3)),
            *errors,
            f"{unnamed} unaccounted" if unnamed else "",
        ]
    )


def _brief(text: str) -> str:
    return " ".join(text.split())[:300]


def _line_with(found: re.Match[str]) -> str:
    start = found.string.rfind("\n", 0, found.start()) + 1
    return _brief(found.string[start : found.end() + 60])
