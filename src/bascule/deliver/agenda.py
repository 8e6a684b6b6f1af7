"""What there is to review on the target: of what earlier runs delivered, that which this run has a reason to look at."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from bascule.deliver.expectation import is_behind, is_of_flags, was_there_before
from bascule.deliver.reading_back import VerifyLevel
from bascule.deliver.stations import Stations
from bascule.mailbox import Mailbox
from bascule.mailbox.deltas import Deltas
from bascule.mailbox.ledger import Ledger, on_target_codes, settled_codes
from bascule.protocols.imap.flags import writable_flags
from bascule.terms.flags import Flags
from bascule.terms.outcome import OutcomeCode


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One delivered message. ``given``: the flags of its copy as we gave or last saw them, None: not known; ``wanted``: the flags that
    the old side has now; ``last_delta``, ``gone_delta``: where it vanished, the last delta that saw it, and the one that did not."""

    message: int
    folder: int
    code: OutcomeCode
    is_read_back: bool
    target_uid: int | None
    given: Flags | None
    wanted: Flags
    sha256: bytes
    date_utc: int
    last_delta: int
    gone_delta: int
    is_theirs: bool
    unwritable: Flags
    """What the old side has beside ``wanted`` that no IMAP command can hold."""
    detail: str = ""
    """Of its outcome."""

    @property
    def is_behind(self) -> bool:
        """Whether all that is wrong with its copy is that flags of the old side could not be given to it."""
        return self.code is OutcomeCode.ALTERED and is_behind(self.detail)

    @property
    def was_there(self) -> bool:
        """Whether its copy had been there before us, whatever became of its flags."""
        return was_there_before(self.code, self.detail)

    @property
    def in_order(self) -> OutcomeCode:
        """Its outcome once its flags are no fault."""
        return OutcomeCode.ALREADY_THERE if self.was_there else OutcomeCode.DELIVERED

    @property
    def is_of_flags(self) -> bool:
        """Whether it is a fault, and of flags alone."""
        return self.code is OutcomeCode.ALTERED and is_of_flags(self.detail)

    @property
    def is_graver(self) -> bool:
        """Whether it is a fault of another kind, which no flags mend or hide."""
        return self.code is OutcomeCode.DUPLICATE or (self.code is OutcomeCode.ALTERED and not self.is_of_flags)


_COLUMNS = (
    "SELECT m.id, m.folder, o.code, o.verified, o.target_uid, o.flagset, m.flagset, m.sha256, m.date_utc,"
    " coalesce(m.last_delta, 0), coalesce(m.vanished_utc, 0), o.theirs, o.detail"
)
_OF_ALL = f"{_COLUMNS} FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = :target"
_OF_FOLDER = f"{_COLUMNS} FROM messages m CROSS JOIN outcomes o ON o.message = m.id WHERE m.folder = :folder AND o.target = :target"
"""CROSS JOIN: SQLite takes the left one first, so that a folder costs what it holds, whatever the others hold."""
_FLAGGED = f"""
    m.vanished_utc IS NULL AND o.code IN {on_target_codes()} AND o.target_uid IS NOT NULL
    AND NOT o.theirs AND (o.source_flagset IS NOT m.flagset OR o.flagset IS NULL)
"""
_FLAGGED_AND_REMOVED = """
    SELECT DISTINCT m.folder FROM outcomes o JOIN messages m ON m.id = o.message
    WHERE o.target = ?1 AND o.code = 'removed' AND o.target_uid IS NOT NULL AND m.vanished_utc IS NULL
    AND NOT o.theirs AND o.source_flagset IS NOT m.flagset
"""
_VANISHED = f"""
    m.vanished_utc IS NOT NULL AND (m.last_delta >= :since OR m.vanished_utc >= (SELECT started_utc FROM deltas WHERE id = max(:since, 1)))
    AND o.code IN {settled_codes()}
    AND m.id NOT IN (SELECT earlier FROM moves WHERE target = :target AND earlier NOT IN (SELECT value FROM json_each(:doubtful)))
"""
_UNREAD = """
    SELECT DISTINCT m.folder FROM outcomes o JOIN messages m ON m.id = o.message
    WHERE o.target = ?1 AND o.code IN ('delivered', 'altered') AND o.verified < ?2 AND m.vanished_utc IS NULL
"""
_FAULTY = """
    m.vanished_utc IS NULL AND o.code IN ('altered', 'duplicate') AND o.target_uid IS NOT NULL
"""
_WITH_FAULTS = (
    f"SELECT DISTINCT m.folder FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = ?1 AND {_FAULTY}"
)
_UNNAMED = f"""
    SELECT DISTINCT m.folder FROM outcomes o INDEXED BY outcomes_uid JOIN messages m ON m.id = o.message
    WHERE o.target = ?1 AND o.target_uid IS NULL AND o.code IN {on_target_codes()}
"""
_VANISHED_IN_DOUBT = """
    SELECT DISTINCT i.folder FROM intents i, json_each(i.messages) j JOIN messages m ON m.id = json_extract(j.value, '$[0]')
    WHERE i.target = ?1 AND m.vanished_utc IS NOT NULL
"""


@dataclass(slots=True)
class Agenda:
    """What there is to review, by folder of the catalogue. ``fresh_since``: what vanished by then is no earlier copy of anything that is
    delivered now; None: nothing is delivered. ``moved_in_doubt``: earlier messages of moves whose later message is in doubt: they were followed, and perhaps
    to nowhere."""

    fresh_since: int | None
    stations: Stations
    moved_in_doubt: Collection[int]
    vanished: dict[int, list[Reviewed]]
    folders: set[int]


def agenda_of(
    mailbox: Mailbox, ledger: Ledger, level: VerifyLevel, fresh_since: int | None, among: Iterable[int] | None = None
) -> Agenda:
    """What the catalogue and the ledger give reason to look at. ``among``: at the end of a run, the folders that it delivered to: flags may differ in
    these only, and nobody asks again for faults, or for what earlier runs moved; None: at its beginning. Blocks."""
    database, target = mailbox.database, ledger.target
    stations, moved_in_doubt = Stations({}), ledger.moves_in_doubt().keys()
    if fresh_since is not None:
        stations = Stations.read(mailbox, ledger)
        fresh_since = _earliest(fresh_since, stations, Deltas.read(database))
    flagged = (
        flagged_in(mailbox, target).keys() if among is None else {f for f in among if flagged_in(mailbox, target, f)}
    )
    vanished = {} if fresh_since is None else vanished_in(mailbox, target, stations, fresh_since, moved_in_doubt)
    open_ones = {folder for (folder,) in database.execute(_UNNAMED, (target,))}
    if level is not VerifyLevel.NONE:
        open_ones |= {folder for (folder,) in database.execute(_UNREAD, (target, int(level)))}
    if among is None:
        open_ones |= {folder for (folder,) in database.execute(_WITH_FAULTS, (target,))}
        open_ones |= {folder for (folder,) in database.execute(_FLAGGED_AND_REMOVED, (target,))}
        open_ones |= _with_moves(mailbox, ledger)
    open_ones |= ledger.unfinished.folders_of_cut_following() | ledger.unfinished.folders_of_cut_marks()
    doubtful = {folder for (folder,) in database.execute(_VANISHED_IN_DOUBT, (target,))}
    reached = {f for f, rows in vanished.items() if any(row.target_uid is not None for row in rows)}
    return Agenda(fresh_since, stations, moved_in_doubt, vanished, flagged | reached | open_ones | doubtful)


def _with_moves(mailbox: Mailbox, ledger: Ledger) -> set[int]:
    """Folders of what a run that was cut moved, and of its earlier copies: nothing of it makes way where a folder has got other UIDs since, unless
    what lies in it was found again. Blocks."""
    moving = ledger.moves_to_end()
    query = "SELECT DISTINCT folder FROM messages WHERE id IN (SELECT value FROM json_each(?))"
    return {folder for (folder,) in mailbox.database.execute(query, (json.dumps([*moving, *moving.values()]),))}


def _earliest(fresh_since: int, stations: Stations, deltas: Deltas) -> int:
    """The delta from which on what vanished may be an earlier copy of what came after ``fresh_since``."""
    while (earlier := stations.earliest(deltas.earliest_before(fresh_since))) < fresh_since:
        fresh_since = earlier
    return fresh_since


def flagged_in(mailbox: Mailbox, target: int, folder: int | None = None) -> dict[int, list[Reviewed]]:
    """By folder, or of one: what has other flags on the old side than its copy got."""
    return _rows(
        mailbox, f"{_OF_ALL if folder is None else _OF_FOLDER} AND {_FLAGGED}", {"target": target, "folder": folder}
    )


def faulty_in(mailbox: Mailbox, target: int, folder: int) -> list[Reviewed]:
    """Of one folder: what is a fault as long as its copy is there."""
    return _rows(mailbox, f"{_OF_FOLDER} AND {_FAULTY}", {"target": target, "folder": folder}).get(folder, [])


def vanished_in(
    mailbox: Mailbox,
    target: int,
    stations: Stations,
    since: int,
    moved_in_doubt: Collection[int],
    folder: int | None = None,
) -> dict[int, list[Reviewed]]:
    """By folder, or of one: what vanished on the old side in the delta ``since`` or later, and was not followed to another place, or perhaps not."""
    found = _rows(
        mailbox,
        f"{_OF_ALL if folder is None else _OF_FOLDER} AND {_VANISHED}",
        {"target": target, "folder": folder, "since": since, "doubtful": json.dumps(list(moved_in_doubt))},
    )
    return {each: [_at_its_last_station(row, stations) for row in rows] for each, rows in found.items()}


def _at_its_last_station(row: Reviewed, stations: Stations) -> Reviewed:
    gone = stations.follow(row.sha256, range(row.last_delta, row.gone_delta))
    return row if gone.start == row.last_delta else replace(row, last_delta=gone.start, gone_delta=gone.stop)


def _rows(mailbox: Mailbox, query: str, values: Mapping[str, int | str | None]) -> dict[int, list[Reviewed]]:
    found: dict[int, list[Reviewed]] = defaultdict(list)
    flags_of, deltas = mailbox.flagsets.flags_of, Deltas.read(mailbox.database)
    for (
        message,
        folder,
        code,
        verified,
        uid,
        given,
        wanted,
        digest,
        date,
        last,
        gone,
        theirs,
        detail,
    ) in mailbox.database.execute(query, values):
        writable, unwritable = writable_flags(flags_of(wanted))
        found[folder].append(
            Reviewed(
                message, folder, OutcomeCode(code), verified > 0, uid, None if given is None else flags_of(given),
                writable, digest, date, last, deltas.gone_in(last, gone), bool(theirs), unwritable, detail,
            )
        )  # fmt: skip
    return found
