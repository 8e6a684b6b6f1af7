r"""Is what lies under a UID of ours still what we put there?

A UID alone does not say so. A target that is restored from a backup gives UIDs again that it had given before; two folders made in the same second may
have one UIDVALIDITY; there are servers whose UIDs last no longer than the session (RFC 4315 §3). What does not fit is not ours: it is
treated as if our copy was gone, its flags are not followed, and it is never removed. Only where nobody ever saw a copy as it was sent it may be
ours all the same, altered by the target: that stays as it is, and as it is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bascule.deliver.expectation import Expectation, is_dated
from bascule.deliver.look import read_contents, read_details
from bascule.mailbox.ledger import TargetFolder
from bascule.protocols.imap.dates import writable_date
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.flags import Flags
from bascule.terms.outcome import OutcomeCode
from bascule.wire.imap import ImapClient, MailboxState


def keeps_its_uids(known: TargetFolder, now: MailboxState) -> bool:
    """Whether the UIDs that we know of the folder mean what they meant. A UIDNEXT below what we saw is that of a server that went back; one that
    is no higher than 1 in a folder that holds something is none."""
    went_back = now.uidnext < known.looked_uidnext and (now.uidnext > 1 or (now.uidnext == 1 and not now.exists))
    return now.uids_last and known.is_still(now.uidvalidity, now.mailboxid) and not went_back


@dataclass(frozen=True, slots=True)
class Recognised:
    """``ours``: UID → flags, date and size of what is there and is what we put there; ``unclear``: UIDs of what may be, or may be another's."""

    ours: Mapping[int, MessageData]
    unclear: frozenset[int] = frozenset()

    def lacks(self, uid: int | None) -> bool:
        """Whether our copy is there no longer."""
        return uid not in self.ours and uid not in self.unclear

    @property
    def flags(self) -> dict[int, Flags]:
        return {uid: data.flags for uid, data in self.ours.items() if data.flags is not None}


async def read_ours(client: ImapClient, expected: Iterable[Expectation]) -> Recognised:
    """Look at these in the selected folder. One FETCH; only what its size and date do not tell is read in full. Raises CommandRefused,
    ConnectionLost."""
    ours = {e.target_uid: e for e in expected if e.target_uid is not None}
    if not ours:
        return Recognised({})
    details = await read_details(client, ours)
    there = {uid: data for uid, data in details.items() if uid in ours and data.flags is not None}
    misfits = [uid for uid, data in there.items() if not fits(ours[uid], data)]
    contents = {one.uid: one.sha256 for one in await read_contents(client, misfits, with_likeness=False)}
    others = {uid for uid in misfits if contents.get(uid) != ours[uid].sha256}
    return Recognised(
        {uid: data for uid, data in there.items() if uid not in others},
        frozenset(uid for uid in others if not _was_as_sent(ours[uid])),
    )


def fits(expected: Expectation, found: MessageData) -> bool:
    """Whether size and date say that it is this copy, as it was delivered, or as it was known to differ. A target that was not looked at yet
    may have made another size of it, and so may one that alters messages like this one."""
    may_differ = (
        expected.code is OutcomeCode.ALTERED
        or expected.traits.fragile
        or (expected.code is OutcomeCode.DELIVERED and not expected.is_read_back)
    )
    return _is_dated(expected, found) and (may_differ or found.octets == expected.octets)


def resembles(expected: Expectation, found: MessageData) -> bool:
    """Whether anything of it is as it was sent, its date or its size. A target that tells no UIDs, or wrong ones, and drops a message in silence may have
    had another taken for it: of what has neither, only its octets can say whose it is."""
    return _is_dated_as_sent(expected, found) or found.octets == expected.octets


def _was_as_sent(expected: Expectation) -> bool:
    """Whether it was seen to have the octets and the date that were sent: it was taken for them, or read back."""
    return expected.code is OutcomeCode.ALREADY_THERE or (
        expected.code is OutcomeCode.DELIVERED and expected.is_read_back
    )


def _is_dated(expected: Expectation, found: MessageData) -> bool:
    if found.date is None:
        return False
    return _is_dated_as_sent(expected, found) or f"dated {found.date.to_iso()} instead of" in expected.altered


def _is_dated_as_sent(expected: Expectation, found: MessageData) -> bool:
    return any(is_dated(found, date.utc_seconds) for date in (expected.date, writable_date(expected.date)))
