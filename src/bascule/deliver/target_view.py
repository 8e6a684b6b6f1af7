"""One folder of the target as we know it: what it held before us, what is ours, and what nobody has looked at yet."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

from bascule.deliver.expectation import Expectation, without_uid
from bascule.deliver.folder_map import MappedFolder
from bascule.deliver.likeness import likeness
from bascule.deliver.look import Found, read_contents, read_details
from bascule.deliver.pool import FreeCopies
from bascule.deliver.removal import remove_messages
from bascule.deliver.session import TargetError, TargetSession
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, TargetFolder
from bascule.terms.body import Body
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.wire.errors import ConnectionLost
from bascule.wire.imap import MailboxState


class TargetView:
    """`open` it first. ``row`` is what the ledger remembers of the folder; ``uidnext`` what the target said last."""

    def __init__(self, session: TargetSession, mailbox: Mailbox, ledger: Ledger, folder: MappedFolder) -> None:
        self._session = session
        self._mailbox = mailbox
        self._ledger = ledger
        self._folder = folder
        self._free = FreeCopies()
        self.row = TargetFolder(folder.row.id, folder.name)
        self.uidnext = 1

    async def open(self) -> None:
        """Select the folder and look at what we do not know of it. Raises CommandRefused, TargetError."""
        state = await self._session.select(self._folder.name)
        known = await self._mailbox.run(self._ledger.folder, self.row.folder)
        same = known is not None and known.uidvalidity == state.uidvalidity and known.name == self._folder.name
        looked = known.looked_uidnext if known and same else 1
        self.row = TargetFolder(self.row.folder, self._folder.name, state.uidvalidity, looked)
        await self._mailbox.run(self._ledger.record_folder, self.row)
        self.uidnext = state.uidnext
        for uid, digest, alike in await self._mailbox.run(self._ledger.foreign, self.row.folder):
            self._free.add(uid, digest, alike)
        await self.look(state)

    async def renew(self, error: ConnectionLost) -> None:
        """Back into the folder on a new connection. Raises TargetError when it is another folder now."""
        await self._session.renew(error)
        state = await self._session.select(self._folder.name)
        if state.uidvalidity != self.row.uidvalidity:
            raise TargetError(
                f"The target's folder {self._folder.display} was replaced while it was being filled.",
                "Run the same command again; it looks at the new folder first.",
            )
        self.uidnext = state.uidnext

    # -- looking ------------------------------------------------------------------------------------------------------

    async def look(self, state: MailboxState | None = None) -> None:
        """Read what the target holds and we do not know. Nothing may be in flight."""
        while True:
            try:
                await self._read_unknown(state)
                return
            except ConnectionLost as error:
                await self.renew(error)
                state = None

    async def _read_unknown(self, state: MailboxState | None) -> None:
        looked = self.row.looked_uidnext
        if state is not None and (state.exists == 0 or (state.uidnext and state.uidnext <= looked)):
            return
        # ``n:*`` always matches the last message, also below n (RFC 9051 §9, seq-range).
        unknown = [uid for uid in await self._session.client.search_uids(b"UID %d:*" % looked) if uid >= looked]
        if unknown:
            ours = await self._mailbox.run(self._ledger.our_uids, self.row.folder)
            foreign = {uid for uid, _, _ in await self._mailbox.run(self._ledger.foreign, self.row.folder)}
            fresh = [uid for uid in unknown if uid not in ours and uid not in foreign]
            await self._adopt(await read_contents(self._session.client, fresh))
            self.row = replace(self.row, looked_uidnext=unknown[-1] + 1)
            await self._mailbox.run(self._ledger.record_folder, self.row)

    async def _adopt(self, found: Sequence[Found]) -> None:
        """Record messages that were read; those delivered without a UID (no UIDPLUS) find theirs among them first."""
        rows = [(f.uid, f.sha256, f.likeness) for f in found]
        await self._mailbox.run(self._ledger.record_foreign, self.row.folder, rows)
        for f in found:
            self._free.add(f.uid, f.sha256, f.likeness)
        named = [(e, self._free.take(e.sha256)) for e in await self._unnamed()]
        await self._settle([(e.message, _named(e, uid)) for e, uid in named if uid is not None])

    async def name_unnamed(self) -> None:
        """Without UIDPLUS: the UIDs of what was delivered, by order, size and date; by content where that fails."""
        unnamed = await self._unnamed()
        if not unnamed:
            return
        looked = self.row.looked_uidnext
        ours = await self._mailbox.run(self._ledger.our_uids, self.row.folder)
        details = await read_details(self._session.client, b"%d:*" % looked)
        by_look: dict[tuple[int | None, int], deque[int]] = defaultdict(deque)
        for uid, data in sorted(details.items()):
            if uid >= looked and uid not in ours and data.date is not None:
                by_look[data.octets, data.date.utc_seconds].append(uid)
        named = [
            (e.message, _named(e, uids.popleft()))
            for e in unnamed
            if (uids := by_look.get((e.octets, e.date.utc_seconds)))
        ]
        await self._settle(named)
        if len(named) < len(unnamed):
            await self.look()

    async def _unnamed(self) -> list[Expectation]:
        return await self._mailbox.run(without_uid, self._mailbox, self._ledger.target, self.row.folder)

    # -- copies -------------------------------------------------------------------------------------------------------

    @property
    def has_free_copies(self) -> bool:
        return bool(self._free)

    def take(self, body: Body, above: int = 0) -> int | None:
        """The UID of a copy that stands for no message yet, from ``above`` on; it does from now on."""
        return self._free.take(body.sha256, likeness(body.whole()) if body.traits.fragile else None, above=above)

    def take_digest(self, digest: bytes, above: int) -> int | None:
        return self._free.take(digest, above=above)

    async def remove(self, uid: int) -> bool:
        """Remove one message of ours by its UID; False on a target that can't (without UIDPLUS, RFC 4315 §2.1)."""
        if not await remove_messages(self._session.client, [uid]):
            return False
        await self._mailbox.run(self._ledger.forget_foreign, self.row.folder, [uid])
        return True

    async def _settle(self, outcomes: Sequence[tuple[int, Outcome]]) -> None:
        if outcomes:
            await self._mailbox.run(self._ledger.settle, self.row.folder, outcomes)


def _named(expected: Expectation, uid: int) -> Outcome:
    """The outcome of a message whose UID on the target is known now."""
    code = OutcomeCode.ALTERED if expected.mended else OutcomeCode.DELIVERED
    return Outcome(code, expected.mended, uid, expected.sent_as)
