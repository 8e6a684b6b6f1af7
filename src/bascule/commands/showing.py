"""Progress for people: a bar on a terminal, plain lines otherwise; and the end of a run."""

import asyncio
import errno
import os
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from bascule.commands.counting import LINE_SECONDS
from bascule.commands.report_folder import ReportFolder
from bascule.commands.terminal import say, say_json, so_many
from bascule.commands.threads import Unawaited
from bascule.deliver.proof import THIS_RUN, Report, ReportedException, as_text, words_of, write_proof
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.printable import printable
from bascule.terms.size import grouped
from bascule.terms.watch import Watcher
from bascule.wire.errors import CommandRefused, ConnectionLost

T = TypeVar("T")


def human_octets(octets: float) -> str:
    """``1.4 MB``, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if octets < 1000 or unit == "GB":
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= 1000
    return ""


class LineWatcher(Watcher):
    """One line each LINE_SECONDS on standard error."""

    def __init__(self) -> None:
        self.expected = self.messages = self.octets = 0
        self.this_run = dict.fromkeys(THIS_RUN, 0)
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""

    def expect(self, messages: int, octets: int = 0) -> None:
        self.expected += messages

    def done(self, messages: int, octets: int) -> None:
        self.messages += messages
        self.octets += octets
        if time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            say(self.line(), err=True)

    def delivered(self, messages: int) -> None:
        self.this_run["delivered"] += messages

    def moved(self, messages: int) -> None:
        self.this_run["moved"] += messages

    def flagged(self, messages: int) -> None:
        self.this_run["flagged"] += messages

    def line(self) -> str:
        seconds = max(time.monotonic() - self._began, 0.001)
        rate = self.messages / seconds
        left = max(self.expected - self.messages, 0)
        remaining = f", about {left / rate:.0f} s left" if rate and left else ""
        of = f" of {grouped(self.expected)}" if self.expected else ""
        return f"{grouped(self.messages)}{of} messages, {human_octets(self.octets)}, {rate:.0f} messages/s{remaining}"

    def note(self, text: str) -> None:
        say(text, err=True)


class BarWatcher(LineWatcher):
    """A bar with messages, octets, rate and time left, on a terminal."""

    def __init__(self) -> None:
        super().__init__()
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.fields[counted]} messages"),
            TextColumn("{task.fields[octets]}"),
            TextColumn("{task.fields[rate]} messages/s"),
            TimeRemainingColumn(compact=True),
            transient=True,
            refresh_per_second=5,
        )
        self._task = self._bar.add_task("", total=0, counted="0 of 0", octets="0 B", rate="0")
        self._shown = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show()
        self._bar.stop()

    def expect(self, messages: int, octets: int = 0) -> None:
        super().expect(messages, octets)
        self._show()

    def done(self, messages: int, octets: int) -> None:
        self.messages += messages
        self.octets += octets
        if time.monotonic() - self._shown > 0.2:
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        rate = self.messages / max(self._shown - self._began, 0.001)
        total = max(self.expected, self.messages)
        self._bar.update(
            self._task,
            completed=self.messages,
            total=total,
            counted=f"{grouped(self.messages)} of {grouped(total)}",
            octets=human_octets(self.octets),
            rate=grouped(round(rate)),
        )

    def note(self, text: str) -> None:
        self._bar.console.print(printable(text), highlight=False, markup=False)


class QuietWatcher(LineWatcher):
    def done(self, messages: int, octets: int) -> None:
        self.messages += messages
        self.octets += octets


def watcher_for(quiet: bool) -> LineWatcher:
    if quiet:
        return QuietWatcher()
    return BarWatcher() if sys.stderr.isatty() and sys.stdout.isatty() else LineWatcher()


class Interrupted(Exception):
    """The user asked to stop (Ctrl-C, SIGTERM)."""


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """How a run ended. ``stopped``: why it did not come to its end; ``status``: the exit status that this means."""

    result: T | None = None
    stopped: str = ""
    status: ExitStatus | None = None


def attempt(watcher: LineWatcher, work: Coroutine[Any, Any, T]) -> Ended[T]:
    """Run an engine under a watcher. Raises BasculeError only where nothing was done yet: there is nothing to report then."""
    with watcher:
        try:
            return Ended(run_engine(work))
        except Interrupted:
            return Ended(None, "interrupted; run the same command again to go on", ExitStatus.INTERRUPTED)
        except BasculeError as error:
            if error.status in (ExitStatus.USAGE, ExitStatus.CONNECT) and not watcher.messages:
                raise
            return Ended(None, str(error), error.status)
        except (CommandRefused, ConnectionLost) as error:  # where an engine has no way round it
            return Ended(None, f"a server does not go along: {error}; what was done is kept", ExitStatus.CONNECT)


def run_engine(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; SIGINT and SIGTERM stop it in order. Raises Interrupted then, and whatever the work raises. Calls on the loop's own threads
    only read: when the run is stopped, they are left where they are (`Unawaited`)."""

    async def guarded() -> T:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(Unawaited())
        task = asyncio.ensure_future(work)
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            raise Interrupted from None

    return asyncio.run(guarded())


def note_first_run(report: Report, watcher: Watcher, *, is_first: bool) -> None:
    """``is_first``: nothing was remembered of an earlier run to this target. Where it had some of the mail all the same, one may have been forgotten."""
    found = report.totals.already_there
    if is_first and found:
        watcher.note(
            f"{so_many(found, 'message')} {'was' if found == 1 else 'were'} on the new side already, and no earlier run is remembered. If there was one, and its state is lost,"
            " what was deleted, moved or renamed there since has been brought again."
        )


def finish(
    report: Report,
    mailbox: Mailbox,
    ledger: Ledger | None,
    place: ReportFolder,
    values: dict[str, Any],
    status: ExitStatus | None = None,
    *,
    whole: bool = False,
) -> ExitStatus:
    """Write the proof, print the report, give the exit status (``status`` where the run was stopped). ``values``: of the options
    ``--json`` and ``--language``. ``whole``: its manifest builds on no other."""
    words = words_of(values["language"] or "")
    certificate: Path | None = None
    try:
        report.exceptions = [replace(one, saved_as=place.seen_from_here(one.saved_as)) for one in report.exceptions]
        in_series = place.in_series and not whole
        certificate = write_proof(place.path, report, mailbox, ledger, words, in_series=in_series)
    except OSError as error:
        where = f" to {error.filename}" if error.filename else ""
        say(f"bascule: the report's files can't be written{where}: {error.strerror or error}.", err=True)
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        first = "Free some space" if is_full else "Let a folder be made there, and this user write"
        say(f"         {first}; then “bascule report” writes them.", err=True)
        status = status or ExitStatus.MISSING
    except BasculeError as error:  # what was to sign it
        say(f"bascule: the report is not signed: {error.message}", err=True)
        say(f"         {error.advice} Then “bascule report” signs one.", err=True)
        status = status or ExitStatus.MISSING
    if values["as_json"]:
        name = str(certificate) if certificate else None
        say_json({**report.to_dict(), "certificate": name})
    else:
        if certificate:
            report.exceptions = [_seen_from_the_terminal(one, certificate.parent) for one in report.exceptions]
        say(*as_text(report, words).split("\n"))
        if certificate:
            say("", words.report.format(certificate.with_name("report.html")))
    if status is not None:
        return status
    return ExitStatus.ACCOUNTED if report.accounted else ExitStatus.MISSING


def _seen_from_the_terminal(one: ReportedException, folder: Path) -> ReportedException:
    """With the whole path of the file in which it is saved: the report's files, in ``folder``, tell it from there. What an older Bascule wrote down, and is
    not there, stays as it is."""
    saved = folder / one.saved_as
    return replace(one, saved_as=os.path.normpath(saved.absolute())) if one.saved_as and saved.is_file() else one
