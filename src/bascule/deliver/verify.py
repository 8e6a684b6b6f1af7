"""Reading back: is what the target now holds what was sent?

``delivered``: size, date and flags of every message that was delivered and not verified yet, and every octet of those that servers
are known to alter (`Traits.fragile`) or whose size differs. ``full``: every octet of every one. An outcome becomes *altered*,
with the difference in words, or *missing*.
"""

from enum import IntEnum

from bascule.deliver.expectation import Expectation, differences, to_verify
from bascule.deliver.look import Found, read_contents, read_details
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.protocols.imap.fetch import MessageData
from bascule.protocols.imap.sequence import format_set
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.wire.imap import ImapClient


class VerifyLevel(IntEnum):
    NONE = 0
    DELIVERED = 1
    FULL = 2


async def verify_folder(
    client: ImapClient, mailbox: Mailbox, ledger: Ledger, folder: int, level: VerifyLevel
) -> list[tuple[int, Outcome]]:
    """Verify what was delivered to the selected folder, write what was found to the ledger, and give the exceptions.

    Every message must have its UID (see `FolderDelivery`). Raises CommandRefused, ConnectionLost; what was written before stays.
    """
    if level is VerifyLevel.NONE:
        return []
    expected = await mailbox.run(to_verify, mailbox, ledger.target, folder, int(level))
    if not expected:
        return []
    by_uid = {e.target_uid: e for e in expected if e.target_uid is not None}
    details = await read_details(client, format_set(by_uid)) if by_uid else {}
    contents = await _contents(client, by_uid, details, level)
    results = [_judge(e, details, contents) for e in expected]
    await mailbox.run(ledger.verified, results)
    return [(message, outcome) for message, outcome, _ in results if outcome.code.is_exception]


async def _contents(
    client: ImapClient, by_uid: dict[int, Expectation], details: dict[int, MessageData], level: VerifyLevel
) -> dict[int, Found]:
    suspects = [
        uid
        for uid, e in by_uid.items()
        if uid in details and (level is VerifyLevel.FULL or e.traits.fragile or details[uid].octets != e.octets)
    ]
    found = await read_contents(client, suspects, with_likeness=False)
    return {f.uid: f for f in found}


def _judge(
    expected: Expectation, details: dict[int, MessageData], contents: dict[int, Found]
) -> tuple[int, Outcome, int]:
    uid = expected.target_uid
    there = details.get(uid) if uid is not None else None
    if there is None:
        reason = "the target said OK, and does not have it"
        return expected.message, Outcome(OutcomeCode.MISSING, reason), 1
    told = differences(expected, there)
    content = contents.get(uid or 0)
    if content is not None and content.sha256 != expected.sha256:
        told.insert(0, _alteration(expected, content))
    if expected.mended:
        told = [expected.mended]
    how = 2 if content is not None else 1
    code = OutcomeCode.ALTERED if told else OutcomeCode.DELIVERED
    return expected.message, Outcome(code, "; ".join(told), uid, expected.sent_as), how


def _alteration(expected: Expectation, content: Found) -> str:
    if content.octets != expected.octets:
        return f"altered by the target: {expected.octets} octets became {content.octets}"
    return "altered by the target: other octets of the same size"
