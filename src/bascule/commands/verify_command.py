"""``bascule verify FILE|SOURCE TARGET``"""

import asyncio
import contextlib
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bascule.capture import Selection, require_kept
from bascule.commands import options, places, showing
from bascule.commands.differences import show_comparison
from bascule.commands.planning import unrecorded_rows
from bascule.commands.remembered import memory_of
from bascule.commands.turn import turn
from bascule.deliver.comparison import (
    Comparison,
    FolderCensus,
    Memory,
    TargetSide,
    census_of_mailbox,
    compare,
    remember,
    take_census,
)
from bascule.deliver.comparison.words import comparison_words_of
from bascule.deliver.proof import unread_by_choice
from bascule.mailbox import FolderRow, Mailbox
from bascule.mailbox.format import CATALOGUE
from bascule.sources import Source, SourceFolder
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath
from bascule.wire.imap import Connections
from bascule.wire.together import both


@click.command("verify")
@click.argument("source")
@click.argument("target")
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), help="As given to copy: what it remembers there."
)
@options.folder_options
@options.place_options
@options.side_options("source")
@options.side_options("target")
@options.connection_options
@options.language_option("Of what is found")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(source: str, target: str, **values: Any) -> int:
    """Read both sides in full, and compare every octet, flag and date. Nothing is changed.

    SOURCE is a mailbox on disk or anything that `bascule copy` reads. What people removed, moved, renamed or marked on the new side since a run
    delivered it is told as theirs, and is no fault. Messages that only the target has are no difference.
    """
    if not (Path(source) / CATALOGUE).exists():
        places.require_two(source, target, then="Compared with itself, nothing is proved.")
    location, connect = places.target_of(target, options.SideOptions.of("target", values))
    watcher = showing.watcher_for(values["quiet"])
    connections = Connections(connect, location, watcher)
    side = TargetSide(connections, values["prefix"], options.renames_of(values))
    with contextlib.ExitStack() as stack:
        stack.enter_context(turn(location))
        old = stack.enter_context(_old_side(source, location, values))
        result = _read(old, side, values, watcher)
    return show_comparison(result, comparison_words_of(values["language"] or ""), as_json=values["as_json"])


# -- the old side -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _OldSide:
    """``mailbox``: one on disk; else ``source`` is read. ``memory`` None: nothing is remembered of this target. ``renamed``: folders that go elsewhere,
    by the user's choice."""

    memory: Memory | None
    selection: Selection
    renamed: Collection[FolderPath]
    mailbox: Mailbox | None = None
    source: Source | None = None


@contextlib.contextmanager
def _old_side(text: str, location: str, values: dict[str, Any]) -> Iterator[_OldSide]:
    selection = Selection(tuple(values["folders"]), tuple(values["without_folders"]))
    renamed = options.renames_of(values).keys()
    if (Path(text) / CATALOGUE).exists():
        with Mailbox.open(Path(text), read_only=True, made_elsewhere=True) as mailbox:
            yield _OldSide(remember(mailbox, location), selection, renamed, mailbox)
        return
    source = places.source_of(text, options.SideOptions.of("source", values))
    memory = _memory_of_copy(source.location, location, values["state"])
    yield _OldSide(memory, selection, renamed, source=source)


def _memory_of_copy(source: str, location: str, state: Path | None) -> Memory | None:
    """What `copy` remembers of this pair. Raises BasculeError (usage) where the user named a folder that holds nothing of the kind, or another person's."""
    if state is not None and not (state / places.COPY_MAILBOX / CATALOGUE).exists():
        raise BasculeError(
            f"No run of “bascule copy” is remembered in {state}.",
            "Name the folder that copy was given, or leave --state away to compare without it.",
            ExitStatus.USAGE,
        )
    return memory_of(state or places.state_folder(source, location), source, location)


def _read(old: _OldSide, side: TargetSide, values: dict[str, Any], watcher: showing.LineWatcher) -> Comparison:
    """Raises BasculeError, also where the user stopped it: there is nothing to tell of half a comparison."""
    work = _work(old, side, values["connections"], watcher)
    ended = showing.attempt(watcher, work)
    if ended.result is None:
        stopped = "interrupted" if ended.status is ExitStatus.INTERRUPTED else ended.stopped
        raise BasculeError(
            f"The comparison did not come to its end: {stopped}.",
            "Nothing was changed on either side. The same command reads both from the start.",
            ended.status or ExitStatus.MISSING,
        )
    return ended.result


async def _work(old: _OldSide, side: TargetSide, connections: int, watcher: showing.LineWatcher) -> Comparison:
    if old.source is not None:
        old.source.watch(watcher)
    listed, rows, others = await _folders(old, watcher)
    names = await side.map(rows, old.memory.names() if old.memory else {})
    if old.source is None:
        expected = await _from_disk(old, rows)
        found = await side.read(connections, watcher)
    else:
        reading = _read_source(old.source, listed, connections, watcher)
        expected, found = await both(reading, side.read(connections, watcher))
    return compare(expected, found, names, old.memory, others)


async def _folders(
    old: _OldSide, watcher: showing.LineWatcher
) -> tuple[list[SourceFolder], list[FolderRow], frozenset[FolderPath]]:
    """Those that are compared, as the source and as the folder map want them, and those that the user does not want. Raises BasculeError
    (usage) where the user named one that is not there."""
    takes = old.selection.takes_folder
    if old.source is None:
        assert old.mailbox is not None
        require_kept(old.mailbox, old.selection, old.renamed, watcher)
        there = [row for row in old.mailbox.folders.all() if row.selectable or row.error]
        left_out = {row.path for row in unread_by_choice(old.mailbox)} | {r.path for r in there if not takes(r.path)}
        return [], [row for row in there if row.path not in left_out], frozenset(left_out)
    found = [folder for folder in await old.source.folders() if folder.selectable]
    known = {*old.memory.by_path, *old.memory.names()} if old.memory else ()
    old.selection.require_folders([folder.path for folder in found], known, old.renamed, watcher)
    listed = [folder for folder in found if takes(folder.path)]
    return listed, unrecorded_rows(listed), frozenset(f.path for f in found if not takes(f.path))


async def _from_disk(old: _OldSide, rows: Sequence[FolderRow]) -> list[FolderCensus]:
    """On a thread. Where the user stops it, it is waited for up to its next message: then the mailbox is closed."""
    assert old.mailbox is not None
    stop = threading.Event()
    census = asyncio.ensure_future(asyncio.to_thread(census_of_mailbox, old.mailbox, rows, stop.is_set))
    try:
        return await asyncio.shield(census)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([census])
        raise


async def _read_source(
    source: Source, listed: Sequence[SourceFolder], connections: int, watcher: showing.LineWatcher
) -> list[FolderCensus]:
    try:
        states = await source.states(listed)
        watcher.expect(sum(state.messages for state in states.values()))
        return await take_census(source.reader, listed, connections, watcher)
    finally:
        await source.close()
