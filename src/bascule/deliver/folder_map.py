"""Which folder of the target takes which folder of the mailbox: names, separators, prefixes, special uses; made and subscribed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bascule.mailbox.rows import FolderRow
from bascule.protocols.imap.responses import NO_NAMESPACE, Condition, Listing
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.wire.imap import ImapClient
from bascule.wire.imap.connection import Pending

_RISKY = re.compile(r'[\x00-\x1f\x7f%*"\\/.~#&(){}]')


@dataclass(frozen=True, slots=True)
class MappedFolder:
    """``renamed``: the name on the target is not the mailbox's own, and why. ``refusal``: the target makes no such folder."""

    row: FolderRow
    name: bytes
    display: str
    renamed: str = ""
    refusal: str = ""


@dataclass(slots=True)
class FolderMap:
    """``prefix`` and ``renames`` are the user's choices; everything else is asked of the target."""

    prefix: str = ""
    renames: Mapping[FolderPath, FolderPath] = field(default_factory=dict)
    _separator: str | None = None
    _root: str = ""
    _there: dict[str, Listing] = field(default_factory=dict)
    _special: dict[SpecialUse, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _asked: dict[str, Condition] = field(default_factory=dict)

    async def prepare(self, client: ImapClient, rows: Sequence[FolderRow], *, make: bool = True) -> list[MappedFolder]:
        """Map every folder that can hold messages, make what is missing, subscribe what was subscribed.

        INBOX comes first. With ``make`` False (a dry run) the target is only asked.
        """
        await self._ask(client)
        wanted = sorted((row for row in rows if row.selectable), key=lambda row: (not row.path.is_inbox, row.path))
        if make:
            await self._make_ahead(client, wanted)
        mapped = [await self._place(client, row, make) for row in wanted]
        if make:
            await self._subscribe(client, mapped)
        return mapped

    async def _make_ahead(self, client: ImapClient, rows: Sequence[FolderRow]) -> None:
        """Ask for every folder at once under the name that we would like: one round trip rather than one for each."""
        started: dict[str, Pending] = {}
        for row in rows:
            name = self._name(row)[0]
            if name not in self._there and name != "INBOX" and name not in started:
                started[name] = await client.start_create(client.encode(name), row.special_use or "")
        for name, pending in started.items():
            self._asked[name] = await pending.answer()

    async def _make(self, client: ImapClient, name: str, row: FolderRow) -> str:
        """Make a folder, or learn that it was made ahead; why not, where the target refuses."""
        answer = self._asked.pop(name, None)
        if answer is None:
            pending = await client.start_create(client.encode(name), row.special_use or "")
            answer = await pending.answer()
        return "" if answer.status == "OK" else answer.reason

    async def prepare_late(self, client: ImapClient, row: FolderRow) -> MappedFolder:
        """One more folder, after `prepare`: a folder that the source lists and may not open is made only when it does."""
        mapped = await self._place(client, row, make=True)
        await self._subscribe(client, [mapped])
        return mapped

    async def _ask(self, client: ImapClient) -> None:
        listings = await client.list_all()
        namespace = await client.namespace() or NO_NAMESPACE
        personal = namespace.personal[0] if namespace.personal else None
        self._separator = personal[1] if personal else None
        if self._separator is None:
            self._separator = await client.separator()
        self._root = self.prefix or (client.decode(personal[0]) if personal else "")
        for entry in listings:
            name = client.decode(entry.name)
            if namespace.is_personal(entry.name) and not (entry.has("\\NonExistent") or entry.has("\\Noselect")):
                self._there[name] = entry
                use = SpecialUse.among(entry.attributes)
                if use is not None:
                    self._special.setdefault(use, name)

    def _name(self, row: FolderRow) -> tuple[str, str]:
        """The name that we would like, and why it is not the mailbox's own."""
        path = self.renames.get(row.path, row.path)
        chosen = "as you asked" if path != row.path else ""
        if path.is_inbox:
            return "INBOX", chosen
        if row.special_use in self._special and not chosen:
            name = self._special[row.special_use]
            if name not in self._taken:
                return name, "" if name == self._join(path) else f"the target's own {row.special_use} folder"
        return self._join(path), chosen or self._reason(path)

    def _join(self, path: FolderPath) -> str:
        separator = self._separator
        if not separator:
            return self._root + "_".join(path.parts)
        return self._root + separator.join(part.replace(separator, "_") for part in path.parts)

    def _reason(self, path: FolderPath) -> str:
        if self._separator is None and len(path.parts) > 1:
            return "the target has no folders within folders"
        if self._separator and any(self._separator in part for part in path.parts):
            return f"“{self._separator}” separates folders on the target"
        return ""

    async def _place(self, client: ImapClient, row: FolderRow, make: bool) -> MappedFolder:
        name, why = self._name(row)
        tried = ""
        for candidate, reason in self._candidates(name, why):
            if candidate in self._taken:
                continue
            if candidate not in self._there and candidate != "INBOX" and make:
                refusal = await self._make(client, candidate, row)
                if refusal:
                    tried = tried or refusal
                    continue
            self._taken.add(candidate)
            raw = self._there[candidate].name if candidate in self._there else client.encode(candidate)
            return MappedFolder(row, raw, candidate, reason)
        return MappedFolder(row, client.encode(name), name, refusal=tried or "no name that the target takes was found")

    def _candidates(self, name: str, why: str) -> list[tuple[str, str]]:
        separator = self._separator or "/"
        head = name[: len(self._root)] if self._root and name.startswith(self._root) else ""
        plain = head + separator.join(_RISKY.sub("_", part) for part in name[len(head) :].split(separator))
        refused = "the target refuses the name"
        numbered = [(f"{plain} ({n})", "the name is taken by another folder") for n in range(2, 10)]
        return [(name, why), (plain, refused), *numbered]

    async def _subscribe(self, client: ImapClient, mapped: Sequence[MappedFolder]) -> None:
        """A subscription that the target refuses is not worth stopping for: the folder is there all the same."""
        started = []
        for folder in mapped:
            there = self._there.get(folder.display)
            if folder.row.subscribed and not folder.refusal and not (there and there.has("\\Subscribed")):
                started.append(await client.start_subscribe(folder.name))
        for pending in started:
            await pending.answer()
