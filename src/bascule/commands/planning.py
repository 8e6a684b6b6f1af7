"""``--dry-run``: which folder would go where, and how many messages it holds. Nothing is written anywhere."""

from collections.abc import Sequence

from bascule.capture import note_views
from bascule.commands.showing import human_octets
from bascule.commands.terminal import say, so_many
from bascule.copy import CopyOptions
from bascule.deliver import FolderMap, MappedFolder
from bascule.deliver.session import ask_target
from bascule.mailbox import FolderRow
from bascule.sources import Source, SourceFolder
from bascule.wire.imap import Connections, ImapClient


async def show_plan(source: Source, target: Connections, chosen: CopyOptions) -> int:
    """Print the plan; 0. Raises SourceError, ConnectError, TargetError."""
    source.watch(target.watcher)
    there = [f for f in await source.folders() if f.selectable]
    chosen.selection.require_folders([f.path for f in there], (), chosen.deliver.renames, target.watcher)
    listed = [f for f in there if chosen.selection.takes_folder(f.path)]
    note_views(listed, chosen.selection, target.watcher)
    told_apart = {f.name: f.told_apart for f in listed}
    states = await source.states(listed)

    async def question(client: ImapClient) -> tuple[list[MappedFolder], list[str]]:
        folders = FolderMap(chosen.deliver.prefix, chosen.deliver.renames)
        return await folders.map(client, unrecorded_rows(listed)), folders.notes

    client, (mapped, notes) = await ask_target(target, question)
    total = 0
    for folder in mapped:
        state = states.get(folder.row.source_name)
        total += state.messages if state else 0
        reasons = ["" if folder.there else "to be made", folder.renamed, told_apart[folder.row.source_name]]
        note = "; ".join(reason for reason in reasons if reason)
        count = str(state.messages) if state else "?"
        say(f"{count:>9}  {folder.row.path.display()} → {folder.display}{f'  ({note})' if note else ''}")
    say(f"{total:>9}  message{'' if total == 1 else 's'} in {so_many(len(mapped), 'folder')}. Nothing was changed.")
    if chosen.selection.looks_at_messages:
        say(
            "All messages of these folders are counted: --since, --before and --max-size are looked at only by the copy."
        )
    for sentence in notes:
        say(sentence)
    await _show_room(client)
    await client.logout()
    await source.close()
    return 0


async def _show_room(client: ImapClient) -> None:
    quota = await client.quota()
    used, limit = quota.resources.get("STORAGE", (0, 0)) if quota else (0, 0)
    if limit:  # RFC 9208 §5.1: STORAGE counts units of 1,024 octets
        room, taken = human_octets(limit * 1024), human_octets(used * 1024)
        say(f"The target takes {room} for this mailbox, of which {taken} are used.")
    if (largest := client.append_limit()) is not None:
        say(f"It takes messages of up to {human_octets(largest)}.")


def unrecorded_rows(listed: Sequence[SourceFolder]) -> list[FolderRow]:
    """Rows as the folder map wants them, for folders that no catalogue holds."""
    return [
        FolderRow(n, f.path, 0, 1, f.special_use, f.subscribed, f.selectable, False, f.name, None, None)
        for n, f in enumerate(listed)
    ]
