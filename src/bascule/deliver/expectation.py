"""What the target should hold for a message that it said OK to, and the comparison with what it does hold."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bascule.deliver.parcel import Parcel
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import ReadBack, on_target_codes
from bascule.protocols.imap.dates import writable_date
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.body import Traits
from bascule.terms.flags import Flags, flags_without, same_flags
from bascule.terms.instant import InternalDate
from bascule.terms.later_runs import Finding
from bascule.terms.outcome import Outcome, OutcomeCode, outcome_before
from bascule.terms.printable import printable

DELETED = frozenset({"\\Deleted"})
ALTERED_THERE = "altered by the target: its octets there are others, in a way that servers are known for"
"""The detail of a message that was there before this run, altered in a way of which `likeness` knows."""
NO_LONGER_THERE = "no longer there: removed or moved on the new side"
BEHIND = "its flags do not follow: "
"""How the detail of a message begins whose copy could not be given the flags that the old side has now; what the target said comes next."""
THERE_BEFORE = "it had been there before; "
"""What stands in front of that, and of what its flags lack, where the copy is none that we sent: once this is over it is *already there* again."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """``octets`` and ``sha256`` are of what was sent, ``flags`` those that its copy was given; ``target_uid`` None: the target told no
    UID (no UIDPLUS). ``altered``: how it is known to differ already, as the outcome's detail (it was mended, or read back before).
    ``code``: its outcome until it is read back. ``is_read_back``: its size, date and flags were looked at before."""

    message: int
    target_uid: int | None
    sha256: bytes
    octets: int
    flags: Flags
    date: InternalDate
    traits: Traits
    sent_as: tuple[bytes, int] | None
    altered: str = ""
    code: OutcomeCode = OutcomeCode.DELIVERED
    is_read_back: bool = False
    detail: str = ""
    """Of its outcome, where that comes from the ledger."""

    def before_removal(self) -> "Expectation":
        """Of one that is removed: as it was known before. What was *delivered* then stays: it need not have been read back."""
        code, detail = outcome_before(self.detail)
        if not code.is_remembered:
            return self
        return replace(self, code=code, detail=detail, altered=detail if code is OutcomeCode.ALTERED else "")


def expectation_of(parcel: Parcel, uid: int | None) -> Expectation:
    """Of a parcel that was answered OK just now."""
    body = parcel.body
    return Expectation(
        parcel.message, uid, body.sha256, body.octets, parcel.flags, parcel.date, body.traits, parcel.sent_as,
        parcel.alteration, OutcomeCode.ALTERED if parcel.alteration else OutcomeCode.DELIVERED,
    )  # fmt: skip


_QUERY = """
SELECT o.message, o.target_uid, coalesce(o.sent_sha256, m.sha256), coalesce(o.sent_octets, m.octets), coalesce(o.flagset, m.flagset),
       m.date_utc, m.zone_minutes, m.traits, o.sent_sha256 IS NOT NULL, o.detail, o.code,
       o.verified
FROM outcomes o JOIN messages m ON m.id = o.message
WHERE o.target = ? AND {where}
ORDER BY m.uidvalidity, m.uid
"""
_Row = tuple[int, int | None, bytes, int, int, int, int, int, int, str, str, int]


def _load(mailbox: Mailbox, target: int, value: int | str, where: str, *further: str) -> list[Expectation]:
    """``value`` and those behind it stand where ``where`` has question marks."""
    rows: Sequence[_Row] = mailbox.database.execute(_QUERY.format(where=where), (target, value, *further)).fetchall()
    flags_of = mailbox.flagsets.flags_of
    return [
        Expectation(
            message, uid, digest, octets, flags_of(flagset), InternalDate(date, zone), Traits.from_bits(traits),
            (digest, octets) if sent_otherwise else None, detail if code == OutcomeCode.ALTERED else "", OutcomeCode(code), verified > 0, detail,
        )
        for message, uid, digest, octets, flagset, date, zone, traits, sent_otherwise, detail, code, verified in rows
    ]  # fmt: skip


def to_read_back(mailbox: Mailbox, target: int, folder: int, level: int) -> list[Expectation]:
    """Messages that earlier runs delivered to ``target`` and did not read back to ``level`` (1 details, 2 octets). Blocks."""
    return _load(
        mailbox, target, folder,
        f"m.folder = ? AND o.code IN ('delivered', 'altered') AND o.verified < {int(level)} AND o.target_uid IS NOT NULL AND m.vanished_utc IS NULL",
    )  # fmt: skip


def removed_with_uid(mailbox: Mailbox, target: int, folder: int) -> list[Expectation]:
    """Messages whose copy was found to be there no longer, as they were known before, and where it had lain; not those that were followed to another place. Blocks."""
    followed = f"SELECT earlier FROM moves WHERE target = {int(target)}"
    where = f"m.folder = ? AND o.code = 'removed' AND o.target_uid IS NOT NULL AND m.id NOT IN ({followed})"
    return [e.before_removal() for e in _load(mailbox, target, folder, where)]


def removed_with_what_moved(mailbox: Mailbox, target: int, folder: int, detail: str) -> list[Expectation]:
    """Such messages that were followed to another place, where the later one was told as removed too, with this ``detail``. Blocks."""
    followed = f"SELECT v.earlier FROM moves v JOIN outcomes l ON l.target = v.target AND l.message = v.later WHERE v.target = {int(target)}"
    where = f"m.folder = ? AND o.code = 'removed' AND o.target_uid IS NOT NULL AND m.id IN ({followed} AND l.code = 'removed' AND l.detail = ?)"
    return [e.before_removal() for e in _load(mailbox, target, folder, where, detail)]


def without_uid(mailbox: Mailbox, target: int, folder: int) -> list[Expectation]:
    """Messages that have a copy on the target, of whatever kind, whose UID is not known. Blocks."""
    return _load(mailbox, target, folder, f"m.folder = ? AND o.code IN {on_target_codes()} AND o.target_uid IS NULL")


def copies_of(mailbox: Mailbox, target: int, messages: Iterable[int]) -> dict[int, Expectation]:
    """By message: the copies of these on the target whose UID is known. Blocks."""
    where = (
        f"o.message IN (SELECT value FROM json_each(?)) AND o.code IN {on_target_codes()} AND o.target_uid IS NOT NULL"
    )
    return {e.message: e for e in _load(mailbox, target, json.dumps([*messages]), where)}


def delivered_from(mailbox: Mailbox, target: int, folder: int, uid: int) -> list[Expectation]:
    """What was delivered to one folder under this UID of the target's and those above. Blocks."""
    where = f"m.folder = ? AND o.code = 'delivered' AND o.target_uid >= {int(uid)} AND NOT o.theirs"
    return _load(mailbox, target, folder, where)


def newest_copies(mailbox: Mailbox, target: int, folder: int, most: int) -> list[Expectation]:
    """Those with the highest UIDs of one folder's. Blocks."""
    query = (
        "SELECT o.message FROM messages m CROSS JOIN outcomes o ON o.message = m.id WHERE o.target = ? AND m.folder = ?"
        f" AND o.code IN {on_target_codes()} AND o.target_uid IS NOT NULL ORDER BY o.target_uid DESC LIMIT ?"
    )
    return [
        *copies_of(
            mailbox, target, [row[0] for row in mailbox.database.execute(query, (target, folder, most))]
        ).values()
    ]


def absent(expected: Expectation) -> ReadBack:
    """The row of a message that the target said OK to, and does not have: nobody ever saw it there. The UID that it told is kept: a later run
    looks there first. Nothing was read back of it."""
    return ReadBack(
        expected.message,
        Outcome(OutcomeCode.MISSING, "the target said OK, and does not have it", expected.target_uid),
        0,
    )


def is_dated(found: MessageData, date_utc: int) -> bool:
    """Whether a copy has this date, in seconds since 1970."""
    return found.date is not None and found.date.utc_seconds == date_utc


def is_touched(now: Flags, given: Flags) -> bool:
    r"""Whether somebody changed a copy's flags; ``\Deleted`` does not count."""
    return not same_flags(now - DELETED, given - DELETED)


def was_there_before(code: OutcomeCode, detail: str) -> bool:
    """Whether a copy of this outcome had been there before us, whatever became of it."""
    return code is OutcomeCode.ALREADY_THERE or detail.startswith(THERE_BEFORE)


def is_behind(detail: str) -> bool:
    """Whether an alteration that is told so is that flags of the old side could not be given to the copy, and nothing else."""
    return detail.removeprefix(THERE_BEFORE).startswith(BEHIND)


def is_of_flags(detail: str) -> bool:
    """Whether an alteration that is told so is one of flags alone: then it is over when its copy has those of the old side."""
    parts = detail.removeprefix(THERE_BEFORE).split("; ")
    return is_behind(detail) or all(part.startswith(("without ", "with ")) for part in parts)


def difference(expected: Expectation, found: MessageData) -> tuple[Finding, str]:
    r"""How the target's flags and date differ from what was sent: the gravest finding, and all of them in words. ``\Deleted`` does not count: a
    member's program may have marked it within moments."""
    finding, told = Finding.EQUAL, []
    flags = found.flags or frozenset()
    if flags != expected.flags and is_touched(flags, expected.flags):
        lost = sorted(flags_without(expected.flags, flags) - DELETED)
        gained = sorted(flags_without(flags, expected.flags) - DELETED)
        finding = Finding.OTHER_FLAGS if lost else Finding.FURTHER_FLAGS
        if lost:
            told.append(f"without {printable(' '.join(lost))}")
        if gained:
            told.append(f"with {printable(' '.join(gained))}")
    if found.date is not None and found.date.utc_seconds != expected.date.utc_seconds:
        sent = writable_date(expected.date)
        if found.date.utc_seconds != sent.utc_seconds:
            finding = Finding.OTHER_DATE
            told.append(f"dated {found.date.to_iso()} instead of {sent.to_iso()}")
    return finding, "; ".join(told)
