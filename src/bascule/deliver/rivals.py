"""Did somebody else deliver the same, at the same time?

Two runs on one machine wait for each other (`bascule.commands.turn`); two machines can't know of one another before they meet in the
target's folders. What arrived there beside ours, while we delivered, and is equal to it, is one copy too many. Both sides keep the copies with the
lowest UIDs and remove their own among the others: UIDs only ascend, so that both come to the same, whoever ends first.
"""

from collections import defaultdict
from collections.abc import Mapping

from bascule.deliver.limits import RIVAL_COPIES
from bascule.deliver.target_view import TargetView
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.terms.outcome import OutcomeCode

TWICE = "another program delivered an equal message at the same time"


async def settle_rivals(view: TargetView, mailbox: Mailbox, ledger: Ledger, delivered: Mapping[int, bytes]) -> int:
    """Compare what this run delivered to the open folder (message → SHA-256) with what arrived beside it; how many copies of ours made way.

    A copy that the target can't remove is a *duplicate*. Raises CommandRefused, ConnectionLost.
    """
    if not await view.look_at_strangers():
        return 0
    uids = await mailbox.run(ledger.uids_of, delivered)
    ours: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for message, digest in delivered.items():
        if message in uids:
            ours[digest].append((uids[message], message))
    found = {digest: view.free_uids(digest, above=view.opened_uidnext) for digest in ours}
    if sum(map(len, found.values())) < RIVAL_COPIES:
        return 0
    removed = 0
    for digest, copies in ours.items():
        rivals = found[digest]
        kept = sorted([uid for uid, _ in copies] + rivals)[: len(copies)]
        free = [uid for uid in rivals if uid in kept]
        for uid, message in sorted(copies):
            if uid not in kept:
                removed += await _give_way(view, mailbox, ledger, message, uid, free.pop(0))
    return removed


async def _give_way(view: TargetView, mailbox: Mailbox, ledger: Ledger, message: int, uid: int, other: int) -> int:
    """Our copy ``uid`` goes, and the message is the ``other`` one's from now on."""
    if not await view.remove(uid):
        await mailbox.run(ledger.recode, [message], OutcomeCode.DUPLICATE, f"{TWICE} (UID {other})")
        return 0
    view.take_uid(other)
    await mailbox.run(ledger.named, view.row.folder, {message: other})
    await mailbox.run(ledger.recode, [message], OutcomeCode.ALREADY_THERE)
    return 1
