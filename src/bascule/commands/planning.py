"""``--dry-run``: which folder would go where, how many messages it holds, and how many of them earlier runs did not deal with. Nothing is written anywhere."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

from bascule.capture import note_views
from bascule.commands.plan_words import PlanWords
from bascule.commands.terminal import say
from bascule.copy import CopyOptions
from bascule.deliver import FolderMap, MappedFolder
from bascule.deliver.comparison import Memory
from bascule.deliver.comparison.memory import Remembered
from bascule.deliver.folder_map import Beside
from bascule.deliver.proof.words import counted
from bascule.deliver.renames import look_for_renamed
from bascule.deliver.session import ask_target
from bascule.mailbox import FolderRow
from bascule.sources import Reader, Source, SourceFolder, SourceMessage, SourceState
from bascule.sources.contract import FolderError
from bascule.terms.folder import FolderPath
from bascule.terms.later_runs import SETTLED
from bascule.terms.location import FILE_SCHEMES
from bascule.wire.imap import Connections, ImapClient


async def show_plan(
    source: Source, target: Connections, chosen: CopyOptions, memory: Memory | None, words: PlanWords
) -> int:
    """Print the plan; 0. ``memory``: what earlier runs know. Raises SourceError, ConnectError, TargetError."""
    source.watch(target.watcher)
    there = [f for f in await source.folders() if f.selectable]
    known = {*memory.folders, *memory.by_path} if memory else ()
    chosen.selection.require_folders([f.path for f in there], known, chosen.deliver.renames, target.watcher)
    listed = [f for f in there if chosen.selection.takes_folder(f.path)]
    note_views(listed, chosen.selection, target.watcher)
    states = await source.states(listed)
    left = await _left(source, listed, memory) if memory else {}
    rows, names = unrecorded_rows(listed), memory.names() if memory else {}

    async def question(client: ImapClient) -> tuple[list[MappedFolder], list[str]]:
        folders = FolderMap(chosen.deliver.prefix, chosen.deliver.renames)
        if memory is not None:
            others = _others(memory, rows, states)
            _, renamed, _ = await look_for_renamed(client, [*memory.places.values()], others)
            now = {folder.folder: name for folder, name in renamed}
            names.update({path: now[row] for path, row in memory.folders.items() if row in now})
            used = {row.id: names[row.path] for row in rows if row.path in names}
            there = {row.id for row in rows if memory.folders.get(row.path) in others}
            away = {path: name for path, name in names.items() if path not in {row.path for row in rows}}
            beside = Beside(frozenset(away.values()), frozenset(away))
            return await folders.map(client, rows, used, there, beside), folders.notes
        return await folders.map(client, rows), folders.notes

    client, (mapped, notes) = await ask_target(target, question)
    _show_folders(mapped, listed, states, left, names, words)
    if chosen.selection.looks_at_messages:
        say(words.all_counted)
    for sentence in notes:
        say(words.report.own(sentence))
    await _show_room(client, words)
    await client.logout()
    await source.close()
    return 0


def _others(memory: Memory, rows: Sequence[FolderRow], states: Mapping[bytes, SourceState]) -> set[int]:
    """Rows of what runs remember whose folder has another UIDVALIDITY on the old side since."""
    told = {row.path: state.uidvalidity for row in rows if (state := states.get(row.source_name))}
    return {row for path, validity in told.items() if (row := memory.other_than_known(path, validity))}


async def _left(source: Source, listed: Sequence[SourceFolder], memory: Memory) -> dict[bytes, int]:
    """By folder, how many of its messages are new, or left from earlier runs. A folder that can't be opened is absent."""
    reader, is_files = await source.reader(), source.location.partition(":")[0] in FILE_SCHEMES
    left = {}
    try:
        for folder in listed:
            known = [one for one in memory.by_path.get(folder.path, ()) if one.is_there and one.code in SETTLED]
            with contextlib.suppress(FolderError):
                left[folder.name] = await _left_in(reader, folder, known, is_files=is_files)
    finally:
        await reader.close()
    return left


async def _left_in(reader: Reader, folder: SourceFolder, known: Sequence[Remembered], *, is_files: bool) -> int:
    """Under a new UIDVALIDITY, which files have after each change, messages are known by their octets. Those of files are read; of a server's as many
    count as dealt with as were. Raises FolderError."""
    survey = await reader.open(folder, None)
    validity = survey.state.uidvalidity
    if not known or any(one.uidvalidity == validity for one in known):
        return len(set(survey.uids) - {one.uid for one in known if one.uidvalidity == validity})
    if not is_files:
        return max(0, len(survey.uids) - len(known))
    left, digests = 0, Counter(one.sha256 for one in known)
    async for group in reader.read(survey.uids):
        for message in group:
            if isinstance(message, SourceMessage):
                message.body.close()
            if isinstance(message, SourceMessage) and digests[message.body.sha256] > 0:
                digests[message.body.sha256] -= 1
            else:
                left += 1
    return left


def _show_folders(
    mapped: Sequence[MappedFolder],
    listed: Sequence[SourceFolder],
    states: Mapping[bytes, SourceState],
    left: Mapping[bytes, int],
    names: Mapping[FolderPath, bytes],
    words: PlanWords,
) -> None:
    """A line for each, and their sum. ``left``: empty where no run came before."""
    told_apart = {f.name: f.told_apart for f in listed}
    total = 0
    for folder in mapped:
        state = states.get(folder.row.source_name)
        total += state.messages if state else 0
        is_lost = folder.row.path in names and not folder.there
        new = left.get(folder.row.source_name, 0)
        reasons = [
            counted(words.left, new) if new else "",
            words.lost if is_lost else "" if folder.there else words.to_be_made,
            words.report.own(folder.renamed),
            words.report.own(told_apart[folder.row.source_name]),
        ]
        note = words.report.semicolon.join(reason for reason in reasons if reason)
        count = str(state.messages) if state else "?"
        said = words.note.format(note) if note else ""
        say(f"{count:>9}  {folder.row.path.display()} → {folder.display}{said}")
    say(f"{total:>9}  {words.total_of(total, len(mapped), sum(left.values()) if left else None)}")


async def _show_room(client: ImapClient, words: PlanWords) -> None:
    quota = await client.quota()
    used, limit = quota.resources.get("STORAGE", (0, 0)) if quota else (0, 0)
    if limit:  # RFC 9208 §5.1: STORAGE counts units of 1,024 octets
        room = words.room.format(words.octets(limit * 1024), words.octets(used * 1024))
        say(f"{room}{words.full if used >= limit else ''}")
    if (largest := client.append_limit()) is not None:
        say(words.largest.format(words.octets(largest)))


def unrecorded_rows(listed: Sequence[SourceFolder]) -> list[FolderRow]:
    """Rows as the folder map wants them, for folders that no catalogue holds."""
    return [
        FolderRow(n, f.path, 0, 1, f.special_use, f.subscribed, f.selectable, False, f.name, None, None)
        for n, f in enumerate(listed)
    ]
