r"""Is what lies under a UID of ours still what we put there?

A UID alone does not say so. A target that is restored from a backup gives UIDs again that it had given before; two folders made in the same second may
have one UIDVALIDITY; there are servers whose UIDs last no longer than the session (RFC 4315 §3). What does not fit is not ours: it is
treated as if our copy was gone, its flags are not followed, and it is never removed.
"""

from collections.abc import Iterable

from bascule.deliver.expectation import Expectation
from bascule.deliver.look import read_contents, read_details
from bascule.mailbox.ledger import TargetFolder
from bascule.protocols.imap.dates import writable_date
from bascule.protocols.imap.fetch import MessageData
from bascule.terms.outcome import OutcomeCode
from bascule.wire.imap import ImapClient, MailboxState


def keeps_its_uids(known: TargetFolder, now: MailboxState) -> bool:
    """Whether the UIDs that we know of the folder mean what they meant. A UIDNEXT below what we saw is that of a server that went back; one that
    is no higher than 1 in a folder that holds something is none."""
    went_back = now.uidnext < known.looked_uidnext and (now.uidnext > 1 or (now.uidnext == 1 and not now.exists))
    return now.uids_last and known.is_still(now.uidvalidity, now.mailboxid) and not went_back


async def read_ours(client: ImapClient, expected: Iterable[Expectation]) -> dict[int, MessageData]:
    """UID → flags, date and size of those that are in the selected folder and are what we put there.

    One FETCH; only what its size and date do not tell is read in full. Raises CommandRefused, ConnectionLost.
    """
    ours = {e.target_uid: e for e in expected if e.target_uid is not None}
    if not ours:
        return {}
    details = await read_details(client, ours)
    there = {uid: data for uid, data in details.items() if uid in ours and data.flags is not None}
    unclear = [uid for uid, data in there.items() if not fits(ours[uid], data)]
    for one in await read_contents(client, unclear, with_likeness=False):
        if one.sha256 == ours[one.uid].sha256:
            unclear.remove(one.uid)
    for uid in unclear:
        del there[uid]
    return there


def fits(expected: Expectation, found: MessageData) -> bool:
    """Whether size and date say that it is this copy, as it was delivered, or as it was known to differ. A target that was not looked at yet
    may have made another size of it, and so may one that alters messages like this one."""
    may_differ = (
        expected.code is OutcomeCode.ALTERED
        or expected.traits.fragile
        or (expected.code is OutcomeCode.DELIVERED and not expected.is_read_back)
    )
    return _is_dated(expected, found) and (may_differ or found.octets == expected.octets)


def _is_dated(expected: Expectation, found: MessageData) -> bool:
    if found.date is None:
        return False
    dates = {expected.date.utc_seconds, writable_date(expected.date).utc_seconds}
    return found.date.utc_seconds in dates or f"dated {found.date.to_iso()} instead of" in expected.altered
