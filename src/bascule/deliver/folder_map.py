"""Which folder of the target takes which folder of the mailbox.

`FolderMap.map` only asks, and gives every folder a name of its own; `make_all` writes, and gives the names that the folders have in the end.
No two folders of the mailbox ever have one folder of the target, whatever the target takes for the same name.
"""

import asyncio
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bascule.deliver.folder_making import TAKEN, FolderMaking, Making, below
from bascule.deliver.folder_names import INBOX, Numbers, TargetNames, read_names, same_letters
from bascule.deliver.session import TargetError
from bascule.mailbox.rows import FolderRow
from bascule.protocols.imap.names import decode_name
from bascule.protocols.imap.responses import Namespace
from bascule.terms.folder import VIEWS, FolderPath
from bascule.terms.printable import printable
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient

KNOWN = "renamed there, or named so by an earlier run"
BELOW_INBOX = "The target keeps folders below INBOX only, so they go there."
NO_ROOT = "The target makes no folder under the names that the old side has. If it keeps all of them below one folder, name that: --prefix NAME."
KEPT = "On the new side {}: --rename and --prefix count when a folder is first copied. To have another name, rename it there; later runs follow."
SHOWN = 5
"""Folders that one note names."""


@dataclass(frozen=True, slots=True)
class MappedFolder:
    """``name`` is what commands take, ``display`` for people. ``renamed``: the name on the target is not the mailbox's own, and why. ``refusal``: the
    target makes no such folder, and why. ``there``: the target has it; else it is to be made before anything is put in."""

    row: FolderRow
    name: bytes
    display: str
    renamed: str = ""
    refusal: str = ""
    there: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """Folders that are not in the run. ``names``: the raw ones that they have on the target, where no other is put that was not before; ``paths``: of those that
    the old side has."""

    names: frozenset[bytes] = frozenset()
    paths: frozenset[FolderPath] = frozenset()


NOTHING = Beside()


def remembered_places(rows: Sequence[FolderRow], known: Mapping[int, bytes]) -> list[MappedFolder]:
    """Where each folder lay on the target when a run last knew, for a report that asks nobody. ``known``: row id → the raw name that it had there."""
    places = []
    for row in rows:
        if raw := known.get(row.id):
            name = decode_name(raw, utf8=not raw.isascii())
            plain = {
                separator.join(parts) for separator in "/." for parts in (row.path.parts, (INBOX, *row.path.parts))
            }
            places.append(MappedFolder(row, raw, printable(name), "" if name in plain else KNOWN, there=True))
    return places


@dataclass(slots=True)
class FolderMap:
    """``prefix`` and ``renames`` are the user's choices; everything else is asked of the target. ``notes``: what people should know, in sentences."""

    prefix: str = ""
    renames: Mapping[FolderPath, FolderPath] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _client: ImapClient | None = None
    _namespace: Namespace | None = None
    _separator: str | None = None
    _target: TargetNames = field(default_factory=lambda: TargetNames(None, "", {}, {}))
    _names: dict[int, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _numbers: Numbers = field(default_factory=Numbers)
    _subscribed: set[int] = field(default_factory=set)
    _kept: list[str] = field(default_factory=list)
    """What other options than those of the first run do not change, in words."""
    _moved: dict[FolderPath, str] = field(default_factory=dict)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)
    _called: dict[int, str] = field(default_factory=dict)
    _called_beside: set[str] = field(default_factory=set)
    """What the old side's folders are called, in words of the target: those of the run by row, and the others."""
    leaving: frozenset[int] = frozenset()
    """Rows of ``others``, as `map` was told last, that go elsewhere than to the folder that earlier runs used."""

    async def map(
        self,
        client: ImapClient,
        rows: Sequence[FolderRow],
        known: Mapping[int, bytes] | None = None,
        others: Container[int] = (),
        beside: Beside = NOTHING,
    ) -> list[MappedFolder]:
        """Every folder that can hold messages, INBOX first, each with a name that no other has. Nothing is written.

        ``known``: row id → the raw name that an earlier run used. It wins while the target lists it, so that what goes to a folder goes where it went
        before; not of ``others``, rows whose folder on the old side is another one since, where the target has one of its own name, or where another of the
        old side's has that name now. ``beside``: the folders that are not in this run. A folder that is not `there` has the name that will be tried; the target may yet refuse it. Raises ConnectionLost,
        TargetError; the same call may be made again, and begins anew.
        """
        self._forget()
        self._client = client
        self._namespace = await client.namespace()
        self._separator = await client.separator()
        self._target = await self._look(client)
        if self._target.below_inbox:
            self._note(BELOW_INBOX)
        wanted = sorted((row for row in rows if row.selectable), key=lambda row: (not row.path.is_inbox, row.path))
        listed = {entry.name: name for name, entry in self._target.there.items()} | {INBOX.encode(): INBOX}
        before = {row.id: listed.get(raw) for row in wanted if (raw := (known or {}).get(row.id))}
        own = {row.id: self._target.join(self._path(row)) for row in wanted}
        used = dict(before)
        taken = {*own.values(), *(before.get(row.id) for row in wanted if row.id not in others)}
        self._called = own
        self._called_beside = {self._target.join(self.renames.get(path, path)) for path in beside.paths}
        taken |= self._called_beside
        for row in wanted:
            name, named_so = before.get(row.id), own[row.id]
            if row.id in others and name != named_so and (named_so in listed.values() or name in taken):
                before[row.id] = None
        # Where two had come to lie in one folder there, it is that of the one which is called so, if it is the same as it was.
        called_so = sorted(wanted, key=lambda row: (row.id in others, own[row.id] != before.get(row.id)))
        kept = {
            row.id: self._keep(row, name)
            for row in called_so
            if (name := before.get(row.id)) and name not in self._taken
        }
        self._subscribed.update(kept)
        if self._kept:
            more = f" and {len(self._kept) - SHOWN} more" if len(self._kept) > SHOWN else ""
            self._note(KEPT.format(f"{', '.join(self._kept[:SHOWN])}{more}"))
        self._taken |= {listed[raw] for raw in beside.names if raw in listed}
        mapped = [kept.get(row.id) or self._give(row) for row in wanted]
        left = {row.id for row in wanted if row.id in others and used.get(row.id) not in (None, self._names[row.id])}
        self.leaving = frozenset(left)
        return mapped

    def _forget(self) -> None:
        """What an earlier call has left."""
        for left in (self.notes, self._kept, self._names, self._taken, self._subscribed, self._moved):
            left.clear()
        self._numbers = Numbers()

    def _give(self, row: FolderRow) -> MappedFolder:
        """A name that is still free."""
        name, why = self._wish(row)
        if name in self._taken:
            name, why = self._numbers.free(name, self._taken.__contains__), TAKEN
            self._moved[self._path(row)] = name
        return self._mapped(row, name, why)

    async def make_all(self, client: ImapClient, mapped: Sequence[MappedFolder]) -> list[MappedFolder]:
        """Make what is not `there`, all at once, and see what came of it; subscribe to what the old side is subscribed to and no earlier run used.

        Afterwards each is `there`, under the name that the target lists, or has a `refusal`, which holds for all that lies in it. A folder that
        the target takes for another of ours has a name of its own, and says why in `renamed`. The client may have another mailbox selected. For several
        tasks at once, each with a client of its own. Raises ConnectionLost, TargetError: what was made stays, and the same call goes on from there.
        """
        async with self._making:
            open_ones = [each for each in mapped if not each.there and not each.refusal]
            made = await self._make(client, open_ones) if open_ones else {}
            done = [made.get(each.row.id, each) for each in mapped]
            await self._subscribe(client, done)
            return done

    def follow(self, client: ImapClient, folder: MappedFolder, raw: bytes) -> MappedFolder:
        """The folder under the name that somebody has given it since it was mapped."""
        name = client.decode(raw)
        self._leave(folder)
        self._taken.add(name)
        self._names[folder.row.id] = name
        return replace(folder, name=raw, display=printable(name), renamed=KNOWN, there=True)

    def is_anothers(self, folder: MappedFolder, raw: bytes) -> bool:
        """Whether another folder of the old side has this folder of the target, or is called so."""
        assert self._client is not None  # `map` comes first
        name, row = self._client.decode(raw), folder.row.id
        called = {*self._called_beside, *(called for other, called in self._called.items() if other != row)}
        return name in called or any(has == name for other, has in self._names.items() if other != row)

    def stay(self, folder: MappedFolder, raw: bytes) -> MappedFolder:
        """The folder where earlier runs used ``raw``: it does not leave after all."""
        assert self._client is not None  # `map` comes first
        self.leaving -= {folder.row.id}
        return self.follow(self._client, folder, raw)

    def anew(self, folder: MappedFolder) -> MappedFolder:
        """The folder, which somebody deleted since it was mapped, to be made: under the name that we would like, whatever it was called when it went."""
        self._leave(folder)
        return replace(self._give(folder.row), there=False)

    def _leave(self, folder: MappedFolder) -> None:
        """Its name is free, unless another one has got it since."""
        name = self._names.pop(folder.row.id)
        if name not in self._names.values():
            self._taken.discard(name)

    # -- asking -------------------------------------------------------------------------------------------------------

    async def _look(self, client: ImapClient) -> TargetNames:
        try:
            listings = await client.list_all()
        except CommandRefused as error:
            raise TargetError(
                f"{client.name} does not list its folders: {error.reason}.", "Try again later, or ask who runs it."
            ) from error
        return read_names(
            listings, self._namespace, self._separator, self.prefix, client.decode, client.encode,
            takes_controls=not client.speaks_utf8,
        )  # fmt: skip

    # -- mapping ------------------------------------------------------------------------------------------------------

    def _path(self, row: FolderRow) -> FolderPath:
        return self.renames.get(row.path, row.path)

    def _keep(self, row: FolderRow, name: str) -> MappedFolder:
        wish, why = self._wish(row)
        if name == wish:
            return self._mapped(row, name, why)
        if (
            same_letters(name) == same_letters(wish)
            or name.startswith(f"{wish} (")
            or name in self._target.simpler(wish)
        ):
            self._moved[self._path(row)] = name
        elif row.path in self.renames or self.prefix or name.endswith(f"{self._separator}{wish}"):
            self._kept.append(f"{row.path.display()} stays {printable(name)}")
        return self._mapped(row, name, KNOWN)

    def _wish(self, row: FolderRow) -> tuple[str, str]:
        """The name that we would like, and why it is not the mailbox's own."""
        path = self._path(row)
        chosen = "as you asked" if path != row.path else ""
        if path.is_inbox:
            return INBOX, chosen
        plain = self._target.join(path)
        special = self._target.special.get(row.special_use) if row.special_use and not chosen else None
        if special is not None and special not in self._taken and special != INBOX:
            return special, "" if special == plain else self._why_its_own(row)
        return below(path, plain, self._moved, self._target), chosen or self._target.reason(path)

    def _why_its_own(self, row: FolderRow) -> str:
        if not self.prefix:
            return f"the target's own {row.special_use} folder"
        return (
            f"the target has a {row.special_use} folder of its own, so not below {printable(self.prefix.strip('/. '))}"
        )

    def _mapped(self, row: FolderRow, name: str, why: str) -> MappedFolder:
        assert self._client is not None  # `map` comes first
        self._taken.add(name)
        self._names[row.id] = name
        entry = self._target.there.get(name)
        raw = entry.name if entry and name != INBOX else self._client.encode(name)
        return MappedFolder(row, raw, printable(name), why, there=entry is not None or name == INBOX)

    # -- making -------------------------------------------------------------------------------------------------------

    async def _make(self, client: ImapClient, folders: Sequence[MappedFolder]) -> dict[int, MappedFolder]:
        makings = {
            each.row.id: Making(self._path(each.row), self._names[each.row.id], self._use(each.row), each.renamed)
            for each in folders
        }
        wished = {making.name for making in makings.values()}
        work = FolderMaking(client, self._target, self._look, list(makings.values()), self._taken - wished, self._moved)
        await work.run()
        self._taken = self._taken - wished | work.ours
        if work.target.root != self._target.root:
            for each, name in self._names.items():
                if name != INBOX and not work.target.is_below_inbox(name):
                    self._names[each] = work.target.root + name
        self._target = work.target
        if work.found_below_inbox:
            self._note(BELOW_INBOX)
        if work.found_no_root:
            self._note(NO_ROOT)
        return {each.row.id: self._made(each, makings[each.row.id]) for each in folders}

    def _use(self, row: FolderRow) -> str:
        """A view is no place for messages, and the target has one folder of each use."""
        is_free = row.special_use is not None and row.special_use not in (*VIEWS, *self._target.special)
        return str(row.special_use) if is_free else ""

    def _made(self, folder: MappedFolder, making: Making) -> MappedFolder:
        if making.refusal:
            return replace(folder, refusal=making.refusal)
        return replace(self._mapped(folder.row, making.name, making.why), there=True)

    async def _subscribe(self, client: ImapClient, mapped: Sequence[MappedFolder]) -> None:
        """A subscription that the target refuses is not worth stopping for: the folder is there all the same."""
        started = []
        for folder in mapped:
            entry = self._target.there.get(self._names[folder.row.id])
            is_subscribed = folder.row.id in self._subscribed or (entry is not None and entry.has("\\Subscribed"))
            if folder.row.subscribed and not folder.refusal and not is_subscribed:
                self._subscribed.add(folder.row.id)
                started.append(await client.start_subscribe(folder.name))
        for pending in started:
            await pending.answer()

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)
