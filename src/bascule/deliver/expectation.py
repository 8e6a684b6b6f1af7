"""What the target should hold for each message that it said OK to, and the comparison with what it does hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from bascule.mailbox import Mailbox
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.body import Traits
from bascule.terms.flags import Flags, same_flags
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import MENDED


@dataclass(frozen=True, slots=True)
class Expectation:
    """``octets`` and ``sha256`` are of what was sent; ``target_uid`` None: the target told no UID (no UIDPLUS). ``mended``: how
    it was changed before it was sent, as the outcome's detail."""

    message: int
    target_uid: int | None
    sha256: bytes
    octets: int
    flags: Flags
    date: InternalDate
    traits: Traits
    sent_as: tuple[bytes, int] | None
    mended: str = ""


_QUERY = """
SELECT o.message, o.target_uid, coalesce(o.sent_sha256, m.sha256), coalesce(o.sent_octets, m.octets), m.flagset, m.date_utc,
       m.zone_minutes, m.traits, o.sent_sha256 IS NOT NULL, o.detail
FROM outcomes o JOIN messages m ON m.id = o.message
WHERE o.target = ? AND m.folder = ? AND o.code IN ('delivered', 'altered') AND {where}
ORDER BY m.uidvalidity, m.uid
"""


def _load(mailbox: Mailbox, target: int, folder: int, where: str) -> list[Expectation]:
    rows: Sequence[tuple[int, int | None, bytes, int, int, int, int, int, int, str]] = mailbox.database.execute(
        _QUERY.format(where=where), (target, folder)
    ).fetchall()
    flags_of = mailbox.flagsets.flags_of
    return [
        Expectation(
            message, uid, digest, octets, flags_of(flagset), InternalDate(date, zone), Traits.from_bits(traits),
            (digest, octets) if sent_otherwise else None, detail if detail.startswith(MENDED) else "",
        )
        for message, uid, digest, octets, flagset, date, zone, traits, sent_otherwise, detail in rows
    ]  # fmt: skip


def to_verify(mailbox: Mailbox, target: int, folder: int, level: int) -> list[Expectation]:
    """Messages delivered to ``target`` and not verified to ``level`` yet (1 details, 2 octets)."""
    return _load(mailbox, target, folder, f"o.verified < {int(level)}")


def without_uid(mailbox: Mailbox, target: int, folder: int) -> list[Expectation]:
    """Messages delivered whose UID on the target is not known."""
    return _load(mailbox, target, folder, "o.target_uid IS NULL")


def differences(expected: Expectation, found: MessageData) -> list[str]:
    """How the target's flags and date differ from what was sent, in words; none when they are equal."""
    told = []
    flags = found.flags or frozenset()
    if not same_flags(flags, expected.flags):
        lost = sorted(expected.flags - flags)
        gained = sorted(flags - expected.flags)
        if lost:
            told.append(f"without {' '.join(lost)}")
        if gained:
            told.append(f"with {' '.join(gained)}")
    if found.date is not None and found.date.utc_seconds != expected.date.utc_seconds:
        told.append(f"dated {found.date.to_iso()} instead of {expected.date.to_iso()}")
    return told
