"""The folders of a source into the catalogue: new ones, changed ones, those that are gone, and those that can't be read."""

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bascule.capture.delta import count_fewer
from bascule.capture.selection import Selection
from bascule.mailbox import FolderRow, Mailbox
from bascule.sources import Source, SourceFolder, SourceState, Survey
from bascule.sources.contract import FolderError, FolderGone
from bascule.sources.limits import NAMES_TOLD
from bascule.terms.folder import VIEWS, FolderPath
from bascule.terms.watch import SILENT, Watcher

LATEST_FOLDERS = 3
"""That are opened in each run: INBOX, what is sent, and one more. In a backup's place, what is lost is the latest."""


def record_folders(mailbox: Mailbox, listed: list[SourceFolder]) -> list[tuple[SourceFolder, FolderRow]]:
    """Write what the source lists; all of it, with its rows. Blocks."""
    with mailbox.transaction():
        mailbox.folders.note_whole()
        mailbox.folders.begin_delta(int(time.time()))
        rows = [
            mailbox.folders.record(
                folder.path,
                source_name=folder.name,
                special_use=folder.special_use,
                subscribed=folder.subscribed,
                selectable=folder.selectable,
            )
            for folder in listed
        ]
        for row in rows:
            if not row.selectable:
                mailbox.folders.vanish(row.id, int(time.time()))
    mailbox.folders.mark_gone([row.id for row in rows], int(time.time()))
    return list(zip(listed, rows, strict=True))


def choose_folders(
    mailbox: Mailbox, rows: list[tuple[SourceFolder, FolderRow]], selection: Selection
) -> list[tuple[SourceFolder, FolderRow]]:
    """Those that the selection takes; that the others are left out by choice is written down, for reports. Blocks."""
    taken = [(folder, row) for folder, row in rows if selection.takes_folder(folder.path)]
    chosen = {row.id for _, row in taken}
    mailbox.folders.note_left_out([row.id for _, row in rows if row.id not in chosen])
    return taken


def note_views(taken: Sequence[SourceFolder], selection: Selection, watcher: Watcher) -> None:
    """Says which folders show messages of others, unless the user named those that they want. They are copied all the same: nobody can tell cheaply
    whether something lies in them alone, as what is archived does at Gmail."""
    views = [folder for folder in taken if folder.selectable and folder.special_use in VIEWS]
    if not views or selection.folders:
        return
    names = ", ".join(f"{folder.path.display()} ({folder.special_use})" for folder in views[:NAMES_TOLD])
    more = f" and {len(views) - NAMES_TOLD} more" if len(views) > NAMES_TOLD else ""
    watcher.note(
        f"The old side shows messages of other folders in {names}{more}: they are copied there, too, and so are there twice."
        " Where nothing lies there alone (at Gmail, what is archived does), leave them out: --without-folder NAME."
    )


def known_paths(mailbox: Mailbox) -> list[FolderPath]:
    """Those of the folders that any run has seen, gone or not. Blocks."""
    return [row.path for row in mailbox.folders.all(gone=True)]


def require_kept(
    mailbox: Mailbox, selection: Selection, renamed: Collection[FolderPath] = (), watcher: Watcher = SILENT
) -> None:
    """As `Selection.require_folders`, of what the mailbox holds. Blocks. Raises BasculeError (usage)."""
    there = [row.path for row in mailbox.folders.all() if row.selectable]
    selection.require_folders(there, known_paths(mailbox), renamed, watcher)


async def sight(
    source: Source, mailbox: Mailbox, folders: Sequence[tuple[SourceFolder, FolderRow]]
) -> dict[bytes, SourceState]:
    """The states of the folders as this delta begins. How far the UIDs of each go is written down first: what comes later is known not to have been there
    yet. Those that a choice leaves out count too: what moves to one of them is looked for there later.

    A source answers for one folder after the other, and a message may move between two answers. So where not all are as they were, those that their
    numbers prove unchanged are asked for again: what is not looked into is then known to be there no earlier than what the others did not hold yet.
    Raises SourceError.
    """
    states = await source.states([folder for folder, _ in folders])
    await mailbox.run(record_sightings, mailbox, folders, states)
    proved = (await mailbox.run(unchanged_folders, mailbox, folders, states)).rows
    asked = [folder for folder, row in folders if row.id in proved]
    if len(asked) in (0, len(states)):
        return states
    names = {folder.name for folder in asked}
    return {name: state for name, state in states.items() if name not in names} | await source.states(asked)


def record_sightings(
    mailbox: Mailbox, folders: Sequence[tuple[SourceFolder, FolderRow]], states: Mapping[bytes, SourceState]
) -> None:
    """How far the UIDs of each folder go as this delta begins. Blocks."""
    seen = [(row.id, state.uidvalidity, state.uidnext) for f, row in folders if (state := states.get(f.name))]
    with mailbox.transaction():
        mailbox.folders.sight(seen)


async def look_again(source: Source, mailbox: Mailbox, folders: Sequence[tuple[SourceFolder, FolderRow]]) -> None:
    """After the surveys: what left a folder since its own survey is known to be gone. Another's survey may have found it there already, and it would be
    taken for a copy. Only those folders are opened again of which the source tells that fewer messages stayed than came; what came is the next run's.
    Raises SourceError."""
    states = await source.states([folder for folder, _ in folders])
    suspects = await mailbox.run(_that_may_have_lost, mailbox, folders, states)
    if not suspects:
        return
    reader = await source.reader()
    try:
        for folder, row in suspects:
            with contextlib.suppress(FolderError):  # the next run sees
                survey = await reader.open(folder, SourceState.from_json(row.source_state))
                await mailbox.run(_note_gone, mailbox, row.id, survey)
    finally:
        await reader.close()


def _that_may_have_lost(
    mailbox: Mailbox, folders: Sequence[tuple[SourceFolder, FolderRow]], states: Mapping[bytes, SourceState]
) -> list[tuple[SourceFolder, FolderRow]]:
    """Since the current delta's surveys, with their rows as these left them. What is not known of a folder is the next run's to find out. Blocks."""
    suspects = []
    for folder, before in folders:
        row = mailbox.folders.get(before.id)
        now, then = states.get(folder.name), SourceState.from_json(row.source_state)
        if now is None or then is None or now.uidvalidity != then.uidvalidity:
            continue
        if now.messages - then.messages < now.uidnext - then.uidnext:
            suspects.append((folder, row))
    return suspects


def _note_gone(mailbox: Mailbox, folder: int, survey: Survey) -> None:
    if survey.unlisted:
        return
    present = set(survey.uids)
    known = mailbox.messages.known(folder, survey.state.uidvalidity).values()
    gone = [k.id for k in known if k.uid not in present and not k.vanished]
    with mailbox.transaction():
        mailbox.messages.set_vanished(gone, int(time.time()))
        count_fewer(mailbox, folder, len(gone))


async def look_for_arrivals(source: Source, mailbox: Mailbox) -> None:
    """After the surveys: did a message come anywhere since this delta began? Only where none did, and no folder either, is what was found gone
    known to have left before whatever comes later. Asked only where something was found gone, now or by the delta before where messages came
    during that one. Raises SourceError."""
    if await mailbox.run(mailbox.folders.any_on_its_way):
        listed = [folder for folder in await source.folders() if folder.selectable]
        states = await source.states(listed)
        sighted = await mailbox.run(mailbox.folders.sighted)
        for folder in listed:
            state = states.get(folder.name)
            if state is None or sighted.get(folder.name) != (state.uidvalidity, state.uidnext):
                return
    await mailbox.run(mailbox.folders.note_still)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """``rows`` of folders; of those ``to_probe`` the numbers alone are not believed (`is_as_it_was`)."""

    rows: frozenset[int] = frozenset()
    to_probe: frozenset[int] = frozenset()


def unchanged_folders(
    mailbox: Mailbox, folders: Sequence[tuple[SourceFolder, FolderRow]], states: Mapping[bytes, SourceState]
) -> Unchanged:
    """Those that the source's numbers prove to be as the last survey saw them, and that were dealt with to the end. Blocks.

    A source that was put back to an earlier state may have come to the same numbers with other messages. So those that hold the latest messages
    are opened in any case; and all of them are surveyed where HIGHESTMODSEQ of any folder fell, which it never does (RFC 7162 §3.1).
    """
    known = {row.id: (states.get(f.name), SourceState.from_json(row.source_state)) for f, row in folders}
    both = [(now, then) for now, then in known.values() if now and then and now.uidvalidity == then.uidvalidity]
    if any(0 < now.modseq < then.modseq for now, then in both):
        return Unchanged()
    proved = frozenset(row for row, (now, then) in known.items() if now is not None and now.proves_unchanged(then))
    proved &= mailbox.folders.complete_ones()
    return Unchanged(proved, proved & frozenset(mailbox.folders.latest(LATEST_FOLDERS)))


async def give_up(mailbox: Mailbox, row: FolderRow, error: Exception, watcher: Watcher) -> None:
    """The source does not open this folder, or not to the end: its row gets the reason, and the others go on. One that is not
    there after all is empty, which is no error."""
    watcher.note(f"{row.path}: {error}")
    await mailbox.run(_give_up, mailbox, row, error)


def _give_up(mailbox: Mailbox, row: FolderRow, error: Exception) -> None:
    with mailbox.transaction():
        if isinstance(error, FolderGone):
            mailbox.folders.vanish(row.id, int(time.time()))
        else:
            mailbox.folders.failed(row.id, str(error))
