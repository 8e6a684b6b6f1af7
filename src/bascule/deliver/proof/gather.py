"""From the rows of the ledger to a report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bascule import __version__
from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.proof.lacking import is_known, lack_of, unread_by_choice
from bascule.deliver.proof.report import FolderCounts, Report, ReportedException
from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.mailbox.tallies import NONE, Tally
from bascule.sources import SourceState
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.later_runs import SETTLED
from bascule.terms.outcome import TOO_LARGE, OutcomeCode

UNACCOUNTED = "unaccounted"
"""In the place of an outcome's code, where there is none."""
NO_OUTCOME = "no run has dealt with it yet"
_EXCEPTIONS = """
SELECT f.path, m.uid, o.code, o.detail, m.octets, hex(m.sha256), coalesce(h.subject, ''), coalesce(h.sender, ''), m.date_utc, m.id
FROM outcomes o JOIN messages m ON m.id = o.message JOIN folders f ON f.id = m.folder LEFT JOIN headers h ON h.message = m.id
WHERE o.target = ? AND m.vanished_utc IS NULL AND o.code NOT IN ('delivered', 'already-there', 'left-out', 'removed') ORDER BY f.path, m.uid
"""
_ORDINARY = {OutcomeCode.DELIVERED, OutcomeCode.ALREADY_THERE, OutcomeCode.LEFT_OUT, OutcomeCode.REMOVED, NONE}
_HOW = ("no", "details", "octets")
"""What a report calls how a message was read back."""
_WITHOUT_OUTCOME = """
SELECT f.path, m.uid, m.octets, hex(m.sha256), m.date_utc FROM messages m JOIN folders f ON f.id = m.folder
LEFT JOIN outcomes o ON o.message = m.id AND o.target = ?
WHERE o.code IS NULL AND m.vanished_utc IS NULL ORDER BY f.path, m.uid
"""
_NOT_HELD = """
SELECT f.path, n.uid, n.code, n.detail FROM not_held n JOIN folders f ON f.id = n.folder
WHERE n.code <> 'left-out' ORDER BY f.path, n.uid
"""

_LEFT_OUT = """
SELECT folder, detail LIKE ?1, count(*) FROM (
    SELECT folder, detail FROM not_held WHERE code = 'left-out' UNION ALL
    SELECT m.folder, o.detail FROM outcomes o JOIN messages m ON m.id = o.message
    WHERE o.target = ?2 AND o.code = 'left-out' AND m.vanished_utc IS NULL
) GROUP BY 1, 2
"""
"""Those that no run has read, and those that one has read and the target refused."""
_NOTHING = Tally()


def gather_report(
    mailbox: Mailbox,
    ledger: Ledger | None,
    *,
    command: str,
    source: str,
    target: str,
    started_utc: float,
    verify: str = "none",
    mapped: Sequence[MappedFolder] = (),
    taken: Sequence[FolderRow] | None = None,
    stopped: str = "",
    this_run: Mapping[str, int] | None = None,
) -> Report:
    """Count the rows. ``ledger`` None: a capture, where held counts as delivered. ``taken``: folders within the selection (None: all but those that
    no run has read because the last one's user left them out); the report names the others, and counts nothing of them. Blocks."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    started = datetime.fromtimestamp(started_utc, UTC).isoformat(timespec="seconds")
    report = Report(
        command, source, target, __version__, started, now, verify, stopped=stopped, this_run=dict(this_run or {}),
        origin=mailbox.meta("source") or "",
    )  # fmt: skip
    listed = mailbox.folders.all()
    unread = {row.id for row in unread_by_choice(mailbox)} if taken is None else set()
    rows = _sorted(
        [row for row in listed if row.id not in unread]
        if taken is None
        else [mailbox.folders.get(row.id) for row in taken]
    )
    chosen = {row.id for row in rows}
    report.left_out_folders = [row.path.display() for row in _sorted(listed) if row.selectable and row.id not in chosen]
    places = {folder.row.id: folder for folder in mapped}
    tallies = ledger.tallies() if ledger else {}
    not_held = _not_held(mailbox)
    for row in rows:
        if row.selectable or row.error:
            tally = tallies.get(row.id) or Tally()
            if not ledger:
                tally.codes[OutcomeCode.DELIVERED] = mailbox.messages.count(row.id)
            report.folders.append(_folder(row, places.get(row.id), tally, not_held.get(row.id, {})))
            lack = lack_of(mailbox, row)
            report.folders[-1].reached = lack.reached and (not row.error or is_known(mailbox, row))
            report.folders[-1].unread = lack.unread
            _count_unlisted(report.folders[-1], lack.unlisted)
    report.left_out_why = _left_out_why(mailbox, ledger, chosen) if any(f.left_out for f in report.folders) else {}
    total = Tally()
    for row in rows:
        total.add(tallies.get(row.id, _NOTHING))
    paths = {row.path for row in rows}
    report.exceptions = _exceptions(mailbox, ledger, paths, total)
    if ledger:
        if total.codes[NONE] and not stopped:  # a run that was stopped says so in one sentence
            report.exceptions += _without_outcome(mailbox, ledger, paths)
        report.verified = {_HOW[how]: number for how, number in sorted(total.read_back.items())}
        report.read_back_first, report.read_back_last = _instant(total.first_utc), _instant(total.last_utc)
    return report


def _sorted(rows: Iterable[FolderRow]) -> list[FolderRow]:
    """INBOX first, the others by name."""
    return sorted(rows, key=lambda row: (not row.path.is_inbox, row.path.display().casefold()))


def _not_held(mailbox: Mailbox) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for folder, code, number in mailbox.database.execute("SELECT folder, code, count(*) FROM not_held GROUP BY 1, 2"):
        found.setdefault(folder, {})[code] = number
    return found


def _left_out_why(mailbox: Mailbox, ledger: Ledger | None, folders: set[int]) -> dict[str, int]:
    """How many messages of ``folders`` are left out by choice, for what."""
    found: Counter[str] = Counter()
    for folder, of_size, number in mailbox.database.execute(
        _LEFT_OUT, (f"{TOO_LARGE}%", ledger.target if ledger else 0)
    ):
        if folder in folders:
            found["size" if of_size else "date"] += number
    return dict(found)


def _folder(row: FolderRow, place: MappedFolder | None, tally: Tally, missing: dict[str, int]) -> FolderCounts:
    state = SourceState.from_json(row.source_state)
    counts = FolderCounts(row.path.display(), place.display if place else "", error=row.error or "")
    counts.marked, counts.line_ends = tally.marked, tally.line_ends
    counts.error_of = "source" if counts.error else ""
    counts.renamed = place.renamed if place else ""
    if place and place.refusal:
        counts.error, counts.error_of = place.refusal, "target"
    for name, number in tally.codes.items():
        if name == OutcomeCode.ALREADY_THERE:
            counts.already_there += number
        elif name in SETTLED:
            counts.delivered += number
            counts.removed += number if name == OutcomeCode.REMOVED else 0
            counts.altered += number if name in (OutcomeCode.ALTERED, OutcomeCode.DUPLICATE) else 0
        elif name == OutcomeCode.LEFT_OUT:
            counts.left_out += number
        elif name != NONE:
            counts.refused += number
    counts.left_out += missing.get(OutcomeCode.LEFT_OUT.value, 0)
    counts.refused += sum(number for code, number in missing.items() if code != OutcomeCode.LEFT_OUT)
    counts.found = state.messages if state else tally.codes.total() + sum(missing.values())
    return counts


def _count_unlisted(counts: FolderCounts, unlisted: int) -> None:
    """What the source counts and does not list is found, and has no outcome."""
    counts.unlisted = unlisted
    counts.found += unlisted


def _exceptions(
    mailbox: Mailbox, ledger: Ledger | None, paths: set[FolderPath], total: Tally
) -> list[ReportedException]:
    found = []
    if ledger and total.codes.keys() - _ORDINARY:
        for path, uid, code, detail, octets, digest, subject, sender, date, message in mailbox.database.execute(
            _EXCEPTIONS, (ledger.target,)
        ):
            place = FolderPath.from_json(path)
            if place in paths:
                when = InternalDate(date).to_iso()
                found.append(
                    ReportedException(
                        place.display(), uid, code, detail, octets, digest.lower(), subject, sender, when,
                        mailbox.meta(f"saved:{message}") or "",
                    )
                )  # fmt: skip
    for path, uid, code, detail in mailbox.database.execute(_NOT_HELD):
        if FolderPath.from_json(path) in paths:
            found.append(ReportedException(FolderPath.from_json(path).display(), uid, code, detail))
    return found


def _without_outcome(mailbox: Mailbox, ledger: Ledger, paths: set[FolderPath]) -> list[ReportedException]:
    """Messages that no run has dealt with: a run that came to its end leaves none, and where one is left it has a name."""
    found = []
    for path, uid, octets, digest, date in mailbox.database.execute(_WITHOUT_OUTCOME, (ledger.target,)):
        place = FolderPath.from_json(path)
        if place in paths:
            when, reason = InternalDate(date).to_iso(), NO_OUTCOME
            found.append(
                ReportedException(place.display(), uid, UNACCOUNTED, reason, octets, digest.lower(), date=when)
            )
    return found


def _instant(at: int | None) -> str:
    return "" if at is None else InternalDate(at).to_iso()
