r"""Before anything is delivered: what became, on the new side, of what earlier runs delivered?

Only what this run has a reason to know is asked for: messages whose flags changed on the old side, those that vanished there and may be
what is delivered now under another folder, and what was never read back. `later_runs` says what each meeting means. Flags are followed
here (never ``\Deleted``, so that no deletion reaches the new side), and what somebody removed or took over is written down as theirs.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bascule.deliver.doubt import Doubt
from bascule.deliver.expectation import DELETED, is_touched, to_read_back
from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.look import read_details, read_flags, windows
from bascule.deliver.moves import EarlierCopies, EarlierCopy
from bascule.deliver.parcel import told_unwritable
from bascule.deliver.reading_back import VerifyLevel, read_suspects, sort_by_details
from bascule.deliver.renames import find_again
from bascule.deliver.session import TargetSession
from bascule.deliver.target_view import NO_LONGER_THERE, TargetView
from bascule.mailbox import Mailbox
from bascule.mailbox.deltas import Deltas
from bascule.mailbox.ledger import Ledger, TargetFolder, on_target_codes
from bascule.protocols.imap.flags import ordinary_flags, writable_flags
from bascule.protocols.imap.refusals import Meaning, meaning_of
from bascule.terms.flags import Flags, same_flags
from bascule.terms.later_runs import Action, New, Old, Told, decide, knowledge
from bascule.terms.outcome import OutcomeCode
from bascule.terms.printable import printable
from bascule.terms.watch import Watcher
from bascule.wire.errors import CommandRefused, ConnectionLost


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


_COLUMNS = (
    "SELECT m.id, m.folder, o.code, o.verified, o.target_uid, o.flagset, m.flagset, m.sha256, m.date_utc,"
    " coalesce(m.last_delta, 0), coalesce(m.vanished_utc, 0), o.theirs"
)
_OF_ALL = f"{_COLUMNS} FROM outcomes o JOIN messages m ON m.id = o.message WHERE o.target = :target"
_OF_FOLDER = f"{_COLUMNS} FROM messages m CROSS JOIN outcomes o ON o.message = m.id WHERE m.folder = :folder AND o.target = :target"
"""CROSS JOIN: SQLite takes the left one first, so that a folder costs what it holds, whatever the others hold."""
_ON_TARGET = "('delivered', 'already-there', 'altered', 'duplicate')"
_FLAGGED = f"""
    m.vanished_utc IS NULL AND o.code IN {_ON_TARGET} AND o.target_uid IS NOT NULL
    AND NOT o.theirs AND (o.source_flagset IS NOT m.flagset OR o.flagset IS NULL)
"""
_VANISHED = """
    m.vanished_utc IS NOT NULL AND (m.last_delta >= :since OR m.vanished_utc >= (SELECT started_utc FROM deltas WHERE id = max(:since, 1)))
    AND o.code IN ('removed', 'delivered', 'already-there', 'altered', 'duplicate')
    AND m.id NOT IN (SELECT earlier FROM moves WHERE target = :target)
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
    delivered now; None: nothing is delivered."""

    fresh_since: int | None
    vanished: dict[int, list[Reviewed]]
    folders: set[int]


def agenda_of(
    mailbox: Mailbox, ledger: Ledger, level: VerifyLevel, fresh_since: int | None, among: Iterable[int] | None = None
) -> Agenda:
    """What the catalogue and the ledger give reason to look at. ``among``: only in these folders may flags differ; None: in any. Blocks."""
    database, target = mailbox.database, ledger.target
    if fresh_since is not None:
        fresh_since = min(fresh_since, Deltas.read(database).whole)
    flagged = _flagged(mailbox, target).keys() if among is None else {f for f in among if _flagged(mailbox, target, f)}
    vanished = {} if fresh_since is None else _vanished(mailbox, target, fresh_since)
    open_ones = {folder for (folder,) in database.execute(_UNNAMED, (target,))}
    if level is not VerifyLevel.NONE:
        open_ones |= {folder for (folder,) in database.execute(_UNREAD, (target, int(level)))}
    if among is None:
        open_ones |= {folder for (folder,) in database.execute(_WITH_FAULTS, (target,))}
    doubtful = {folder for (folder,) in database.execute(_VANISHED_IN_DOUBT, (target,))}
    reached = {f for f, rows in vanished.items() if any(row.target_uid is not None for row in rows)}
    return Agenda(fresh_since, vanished, flagged | reached | open_ones | doubtful)


def _flagged(mailbox: Mailbox, target: int, folder: int | None = None) -> dict[int, list[Reviewed]]:
    """By folder, or of one: what has other flags on the old side than its copy got."""
    return _rows(
        mailbox, f"{_OF_ALL if folder is None else _OF_FOLDER} AND {_FLAGGED}", {"target": target, "folder": folder}
    )


def _faulty(mailbox: Mailbox, target: int, folder: int) -> list[Reviewed]:
    """Of one folder: what is a fault as long as its copy is there."""
    return _rows(mailbox, f"{_OF_FOLDER} AND {_FAULTY}", {"target": target, "folder": folder}).get(folder, [])


def _vanished(mailbox: Mailbox, target: int, since: int, folder: int | None = None) -> dict[int, list[Reviewed]]:
    """By folder, or of one: what vanished on the old side in the delta ``since`` or later, and was not followed to another place."""
    return _rows(
        mailbox,
        f"{_OF_ALL if folder is None else _OF_FOLDER} AND {_VANISHED}",
        {"target": target, "folder": folder, "since": since},
    )


def _rows(mailbox: Mailbox, query: str, values: Mapping[str, int | None]) -> dict[int, list[Reviewed]]:
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
    ) in mailbox.database.execute(query, values):
        writable, unwritable = writable_flags(flags_of(wanted))
        found[folder].append(
            Reviewed(
                message, folder, OutcomeCode(code), verified > 0, uid, None if given is None else flags_of(given),
                writable, digest, date, last, deltas.gone_in(last, gone), bool(theirs), unwritable,
            )
        )  # fmt: skip
    return found


@dataclass(slots=True)
class Reviewer:
    """Reviews folders over one connection. ``listed``: the target's folders; ``earlier`` is filled with what vanished on the old side."""

    session: TargetSession
    mailbox: Mailbox
    ledger: Ledger
    level: VerifyLevel
    settle_seconds: float
    agenda: Agenda
    listed: frozenset[bytes]
    earlier: EarlierCopies
    watcher: Watcher

    async def review(self, folder: int) -> None:
        """One folder, by the name that the ledger knows. Raises TargetError."""
        row = await self.mailbox.run(self.mailbox.folders.get, folder)
        known = await self.mailbox.run(self.ledger.folder, folder)
        if known is None:
            note_vanished(self.earlier, self.agenda.vanished.get(folder, []), {}, New.NOT_LOOKED)
        elif known.name not in self.listed and known.name.upper() != b"INBOX":
            await self._folder_gone(folder)
        else:
            await self._review_listed(MappedFolder(row, known.name, str(row.path)))

    async def _review_listed(self, place: MappedFolder) -> None:
        folder = place.row.id
        while True:
            try:
                view = TargetView(self.session, self.mailbox, self.ledger, place)
                await view.open()
            except CommandRefused as error:
                if meaning_of(error.code, error.reason) is Meaning.GONE:
                    gone = TargetFolder(folder, place.name)
                    if name := await find_again(self.session, self.mailbox, self.ledger, gone):
                        place = replace(place, name=name)
                        continue
                    await self._folder_gone(folder)
                else:
                    self._not_looked(place, error)
                return
            try:
                await self._review(view, folder)
                return
            except ConnectionLost as error:
                await self.session.renew(error)
            except CommandRefused as error:
                self._not_looked(place, error)
                return

    def _not_looked(self, place: MappedFolder, error: CommandRefused) -> None:
        """What became of what it holds is for the next run; the other folders go on."""
        self.watcher.note(f"{place.display}: the target does not let us look into it now: {error.reason}")
        note_vanished(self.earlier, self.agenda.vanished.get(place.row.id, []), {}, New.NOT_LOOKED)

    async def _folder_gone(self, folder: int) -> None:
        """Somebody deleted the folder on the new side: what was in it is removed."""
        flagged = await self.mailbox.run(_flagged, self.mailbox, self.ledger.target, folder)
        faulty = await self.mailbox.run(_faulty, self.mailbox, self.ledger.target, folder)
        vanished = self.agenda.vanished.get(folder, [])
        await self._gone([r for r in [*flagged.get(folder, []), *faulty, *vanished] if r.target_uid is not None])
        note_vanished(self.earlier, vanished, {}, New.FOLDER_GONE)

    async def _review(self, view: TargetView, folder: int) -> None:
        """Raises CommandRefused where the target answers NO to what every server can do, ConnectionLost."""
        if view.is_new:
            await view.look()
        await view.settle_unnamed()
        await self._resolve_vanished(view, folder)
        flagged = await self.mailbox.run(_flagged, self.mailbox, self.ledger.target, folder)
        await self._follow(flagged.get(folder, []))
        await self._read_back(folder)
        await self._look_for_faulty(folder)
        if self.agenda.fresh_since is not None:
            await self._look_for_vanished(folder, self.agenda.fresh_since)

    async def _look_for_faulty(self, folder: int) -> None:
        """A fault whose copy somebody removed is one that nobody can see any more."""
        faulty = await self.mailbox.run(_faulty, self.mailbox, self.ledger.target, folder)
        if lowest := min((row.target_uid for row in faulty if row.target_uid is not None), default=0):
            there = set(await self.session.client.uids_from(lowest))
            await self._gone([row for row in faulty if row.target_uid not in there])

    async def _look_for_vanished(self, folder: int, since: int) -> None:
        found = await self.mailbox.run(_vanished, self.mailbox, self.ledger.target, since, folder)
        vanished = found.get(folder, [])
        flags = await read_flags(self.session.client, [r.target_uid for r in vanished if r.target_uid is not None])
        await self._gone([r for r in vanished if r.target_uid is not None and r.target_uid not in flags])
        note_vanished(self.earlier, vanished, flags, New.DELETED)

    async def _resolve_vanished(self, view: TargetView, folder: int) -> None:
        doubt = Doubt(view, self.mailbox, self.ledger, self.settle_seconds, mends=False)
        await doubt.open()
        await doubt.resolve_vanished(
            lambda seconds: self.watcher.note(f"waiting {seconds:.0f} s for a batch that was cut")
        )

    # -- flags --------------------------------------------------------------------------------------------------------

    async def _follow(self, rows: Sequence[Reviewed]) -> None:
        there = await read_flags(self.session.client, [r.target_uid for r in rows if r.target_uid is not None])
        wanted: dict[Flags, list[Reviewed]] = defaultdict(list)
        taken: list[int] = []
        for row in rows:
            now = there.get(row.target_uid or 0)
            if row.given is None and now is not None:  # the first look at it: is it as the old side has it?
                await self._adopt(row, now)
                continue
            decision = decide(Old.FLAGGED, _state(now, row), knowledge(row.code, is_read_back=row.is_read_back))
            if decision.action is Action.FOLLOW and now is not None:
                wanted[_followed(row, now)].append(row)
            elif decision.told is not Told.NOTHING and now is not None:
                taken.append(row.message)
        await self._gone([r for r in rows if r.target_uid not in there])
        await self.mailbox.run(self.ledger.taken_over, taken)
        for flags, alike in wanted.items():
            await self._store(flags, alike, there)

    async def _adopt(self, row: Reviewed, now: Flags) -> None:
        if is_touched(now, row.wanted):
            await self.mailbox.run(self.ledger.taken_over, [row.message])
        await self.mailbox.run(self.ledger.followed, [row.message], given=now)

    async def _store(self, flags: Flags, rows: Sequence[Reviewed], there: Mapping[int, Flags]) -> None:
        """Give these copies the flags, and see that they have them."""
        same: list[int] = []
        changed: list[Reviewed] = []
        for row in rows:
            if same_flags(there[row.target_uid or 0], flags):
                same.append(row.message)
            else:
                changed.append(row)
        await self.mailbox.run(self.ledger.followed, same, given=flags)
        for row in rows:
            if row.unwritable:
                await self.mailbox.run(
                    self.ledger.recode, [row.message], OutcomeCode.ALTERED, told_unwritable(row.unwritable)
                )
        uids = [r.target_uid for r in changed if r.target_uid is not None]
        if not await self._give(flags, uids):
            return
        now = await read_flags(self.session.client, uids)
        by_flags: dict[Flags, list[int]] = defaultdict(list)
        for row in changed:
            by_flags[now.get(row.target_uid or 0, flags)].append(row.message)
        for kept, messages in by_flags.items():
            await self.mailbox.run(self.ledger.followed, messages, given=kept)
            if lost := sorted(flags - kept) if not same_flags(kept, flags) else []:
                detail = f"without {printable(' '.join(lost))}"
                await self.mailbox.run(self.ledger.recode, messages, OutcomeCode.ALTERED, detail)

    async def _give(self, flags: Flags, uids: Sequence[int]) -> bool:
        """STORE, and where that is refused without the keywords that are longer than servers take; whether any was taken."""
        for tried in dict.fromkeys((flags, ordinary_flags(flags))):
            try:
                for window in windows(uids):
                    await self.session.client.store(window, tried)
                return True
            except CommandRefused as error:
                reason = error.reason
        self.watcher.note(f"the target does not take new flags: {reason}; the next run tries again")
        return False

    # -- reading back -------------------------------------------------------------------------------------------------

    async def _read_back(self, folder: int) -> None:
        """What earlier runs delivered and did not read back, or not as deeply as is asked for now."""
        if self.level is VerifyLevel.NONE:
            return
        expected = await self.mailbox.run(to_read_back, self.mailbox, self.ledger.target, folder, int(self.level))
        if not expected:
            return
        client = self.session.client
        details = await read_details(client, [e.target_uid for e in expected if e.target_uid is not None])
        found = sort_by_details(expected, details, self.level, in_this_run=False)
        await self.mailbox.run(self.ledger.read_back, found.rows)
        read = await read_suspects(client, found.suspects, details, in_this_run=False)
        await self.mailbox.run(self.ledger.read_back, read.rows.values())
        await self.mailbox.run(self.ledger.removed, [e.message for e in [*found.absent, *read.gone]], NO_LONGER_THERE)

    # -- what vanished on the old side --------------------------------------------------------------------------------

    async def _gone(self, rows: Iterable[Reviewed]) -> None:
        await self.mailbox.run(self.ledger.removed, [row.message for row in rows], NO_LONGER_THERE)


def note_vanished(earlier: EarlierCopies, rows: Iterable[Reviewed], flags: Mapping[int, Flags], otherwise: New) -> None:
    """These may be what is delivered now under another folder. ``otherwise``: what became of the copies that are not in ``flags``; one
    whose UID is not known is not gone for all that."""
    for row in rows:
        now = flags.get(row.target_uid or 0)
        new = otherwise if now is None else _state(now, row)
        if new is New.DELETED and row.target_uid is None and row.code is not OutcomeCode.REMOVED:
            new = New.NEVER_SEEN
        knows = knowledge(row.code, is_read_back=row.is_read_back)
        earlier.add(row.sha256, EarlierCopy(row.message, row.last_delta, row.gone_delta, row.date_utc, knows, new))


def _followed(row: Reviewed, now: Flags) -> Flags:
    r"""The flags of the old side. Its ``\Deleted`` is not given; one that we gave at the delivery is taken off with it: a program that expunges
    would remove what the old side keeps."""
    taken_back = ((row.given or frozenset()) & DELETED) - row.wanted
    return (row.wanted - DELETED) | ((now & DELETED) - taken_back)


def _state(now: Flags | None, row: Reviewed) -> New:
    """What became of the copy. ``now`` None: it is gone."""
    if now is None:
        return New.DELETED
    given = row.wanted if row.given is None else row.given
    if not row.is_theirs and not is_touched(now, given):
        return New.UNTOUCHED
    return New.READ if now - given == {"\\Seen"} and not given - now else New.FLAGGED
