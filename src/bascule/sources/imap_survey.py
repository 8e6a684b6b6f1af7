"""What is in an IMAP folder: EXAMINE, SEARCH and the flags, from servers that keep to the RFCs and from those that do not."""

import asyncio
import secrets
from collections.abc import Sequence

from bascule.protocols.imap.commands import ALL_MESSAGES, changed_since
from bascule.protocols.imap.fetch import FLAGS, UIDS, Fetch
from bascule.protocols.imap.refusals import Meaning, meaning_of
from bascule.sources.contract import CHANGED, DISBELIEVED, FolderError, FolderGone, SourceFolder, SourceState, Survey
from bascule.terms.flags import Flags
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient, MailboxState

_NO_EXAMINE = "the server does not take EXAMINE, the only command with which Bascule opens a folder of the old side"
_LISTED = "{} (all the same, it lists the folder)"
_SHOWS_NONE = "the server counts {} messages in it and shows none; have its index repaired"
_SESSION_ONLY = "the server numbers its messages anew in each session; the next run reads it again"


async def take_survey(client: ImapClient, folder: SourceFolder, known: SourceState | None) -> Survey:
    """See `Reader.open`. Raises CommandRefused, ConnectionLost."""
    selected, uids, unlisted = await _look(client, folder, known)
    lasting = selected.uidvalidity > 0 and selected.uids_last
    # Where UIDs do not last, each survey is of another folder, whose messages are recognised by their content.
    uidvalidity = selected.uidvalidity if lasting else secrets.randbelow(2**31 - 1) + 1
    uidnext = max(selected.uidnext, uids[-1] + 1 if uids else 1)
    flags: dict[int, Flags] = {}
    complete, modseq = False, selected.highestmodseq
    if known is not None and known.uidvalidity == uidvalidity and uids:
        if _does_not_count(known, selected, uids):
            modseq = DISBELIEVED
        since = known.modseq if 0 < known.modseq <= modseq else 0
        changed = await _changed(client, selected, since)
        if changed is None and since:
            since, changed = 0, await _flags_since(client, 0)
        if changed is None or any(reply.fault for reply in changed):
            modseq = min(modseq, 0)  # not all that changed is known: the next run must look at every message
        flags = _flags(changed or ())
        complete = not since and flags.keys() >= set(uids)
    # One that is reckoned from the last UID, as no server told it, falls with each last message that goes.
    fell = known is not None and known.uidvalidity == uidvalidity and selected.uidnext and uidnext < known.uidnext
    return Survey(SourceState(uidvalidity, uidnext, len(uids), modseq), uids, flags, complete, unlisted, bool(fell))


async def _look(
    client: ImapClient, folder: SourceFolder, known: SourceState | None
) -> tuple[MailboxState, list[int], int]:
    """What EXAMINE tells, and what `_all` does. A folder that looks empty is asked for by STATUS as well. Where that counts some, and they did not come
    meanwhile, raises FolderError: taken at its word, the folder would have lost all that is known of it."""
    selected, searched = await _examine(client, folder, known)
    uids, unlisted = await _all(client, folder, selected, searched)
    if not uids and not unlisted and (counted := await client.count(folder.name)):
        selected, searched = await _examine(client, folder, known)
        uids, unlisted = await _all(client, folder, selected, searched)
        if not uids:
            raise FolderError(_SHOWS_NONE.format(counted))
    return selected, uids, unlisted


def _does_not_count(known: SourceState, selected: MailboxState, uids: Sequence[int]) -> bool:
    """Whether HIGHESTMODSEQ is seen, or was seen before, to stay the same although a message came, which raises it (RFC 7162 §3.1). By the
    answer to EXAMINE alone: what came between it and the SEARCH has raised what EXAMINE does not tell any more."""
    if known.modseq == DISBELIEVED:
        return True
    came = any(known.uidnext <= uid < selected.uidnext for uid in reversed(uids))
    return 0 < known.modseq == selected.highestmodseq and came


async def open_again(client: ImapClient, folder: SourceFolder, uidvalidity: int) -> None:
    """See `Reader.reopen`. Raises CommandRefused, ConnectionLost, FolderError.

    A server that tells no UIDVALIDITY can't be asked whether the folder is the one that was surveyed moments ago; it is taken at that.
    """
    try:
        selected = await client.select(folder.name, read_only=True)
    except CommandRefused as error:
        if not _parameters_may_be_at_fault(client, error):
            raise
        client.takes_select_parameters = False
        selected = await client.select(folder.name, read_only=True)
    if not selected.uids_last:
        raise FolderError(_SESSION_ONLY)
    if selected.uidvalidity not in (0, uidvalidity):
        raise FolderError(CHANGED)


async def folder_error(client: ImapClient, folder: SourceFolder, error: CommandRefused) -> FolderError:
    """What a refusal to open the folder is told as. Some servers repeat its name, which is no word of theirs.

    One that is said not to exist, and that is listed still, is not gone: a server whose disk is away, or whose index is broken, says the same.
    Raises ConnectionLost.
    """
    if error.status == "BAD" and error.command == "EXAMINE":
        return FolderError(f"{_NO_EXAMINE}: {error.reason}")
    words = error.reason.replace(folder.path.parts[-1], "")
    if meaning_of(error.code, words) is not Meaning.GONE:
        return FolderError(error.reason)
    try:
        is_there = await client.has_still(folder.name)
    except CommandRefused:
        return FolderError(error.reason)
    return FolderError(_LISTED.format(error.reason)) if is_there else FolderGone(error.reason)


async def _examine(
    client: ImapClient, folder: SourceFolder, known: SourceState | None
) -> tuple[MailboxState, list[int] | None]:
    """Both are sent before either is answered: a folder costs one round trip less. None: SEARCH was refused."""
    qresync = known is not None and known.modseq > 0 and "QRESYNC" in client.enabled
    resync = (known.uidvalidity, known.modseq) if known and qresync else None
    selecting = asyncio.ensure_future(client.select(folder.name, read_only=True, known=resync))
    await asyncio.sleep(0)
    searching = asyncio.ensure_future(client.search_uids())
    await asyncio.gather(selecting, searching, return_exceptions=True)
    try:
        selected = selecting.result()
    except CommandRefused as error:
        if not _parameters_may_be_at_fault(client, error):
            raise
        client.takes_select_parameters = False
        return await _examine(client, folder, None)
    try:
        return selected, searching.result()
    except CommandRefused:
        return selected, None


def _parameters_may_be_at_fault(client: ImapClient, error: CommandRefused) -> bool:
    offered = client.has("CONDSTORE") or client.has("QRESYNC")
    return error.status == "BAD" and offered and client.takes_select_parameters


async def _all(
    client: ImapClient, folder: SourceFolder, selected: MailboxState, searched: list[int] | None
) -> tuple[list[int], int]:
    """Every UID, ascending, and how many messages the server counts beyond them. Where SEARCH gives other than as many as EXISTS says, or there is
    no EXISTS, the folder is listed by FETCH, which can give no UID without a message; what is still missing then may have been removed meanwhile,
    and so is counted again."""
    found, exists = set(searched or ()), selected.exists
    if searched is not None and len(found) == exists:
        return sorted(found), 0
    if exists != 0 or searched:
        replies: list[Fetch] = []
        listing = await client.fetch(ALL_MESSAGES, UIDS, replies.append)
        await (listing.ok() if searched is None else listing.answer())
        fetched = {reply.data.uid for reply in replies if reply.data.uid}
        too_many = exists is not None and len(found) > exists and len(fetched) >= exists
        found = fetched if too_many else found | fetched
    if exists is not None and len(found) < exists:
        exists = (await client.select(folder.name, read_only=True)).exists
    return sorted(found), max(0, (exists or 0) - len(found))


async def _changed(client: ImapClient, selected: MailboxState, since: int) -> Sequence[Fetch] | None:
    """What tells flags of messages that changed since the MODSEQ, or of all with 0; None: the server refuses to say."""
    if since and "QRESYNC" in client.enabled and client.takes_select_parameters:
        return selected.changed
    return await _flags_since(client, since)


async def _flags_since(client: ImapClient, since: int) -> list[Fetch] | None:
    # Without QRESYNC: CHANGEDSINCE where there is a MODSEQ (RFC 7162 §3.1.4.1), else every message's flags.
    replies: list[Fetch] = []
    modifier = changed_since(since) if since else None
    condition = await (await client.fetch(ALL_MESSAGES, FLAGS, replies.append, modifier)).answer()
    return replies if condition.status == "OK" else None


def _flags(replies: Sequence[Fetch]) -> dict[int, Flags]:
    found = (reply.data for reply in replies)
    return {data.uid: data.flags for data in found if data.uid is not None and data.flags is not None}
