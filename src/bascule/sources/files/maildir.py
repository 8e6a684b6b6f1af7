"""Maildir and Maildir++ (Courier, Dovecot): folders ``.A.B`` beside ``cur``, or plain folders within folders."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from bascule.protocols.imap.names import decode_utf7, encode_utf7
from bascule.sources.files import courier
from bascule.sources.files.base import FileEntry, FileFolder, Walked, unreadable_entry
from bascule.sources.files.beside import NAMED, OF_A_SERVER, Beside, is_apple_double
from bascule.sources.files.reading import head_of, read_message, read_whole, reason_of
from bascule.sources.files.tree import Directory, Found, Parts, Tree
from bascule.sources.limits import BESIDE_OCTETS
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.folder import INBOX, FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.printable import printable

_LETTERS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted", "P": "$Forwarded"}
_ORDER = re.compile(r"(\d+)")
_LEVEL = re.compile(r"\.+[^.]+(?:\.+\Z)?|\.+\Z", re.DOTALL)
_KEYWORD = re.compile(r"(1?[0-9]|2[0-5]) (.*)", re.DOTALL)
_OF_A_FOLDER = ("cur", "new", "tmp")


def walk_maildir(root: Path) -> Walked:
    """Every folder of a Maildir; ``root`` itself is INBOX where it has ``cur`` or ``new``. What can't be looked into stands among the folders,
    with the reason: it may be one."""
    walk = _Walk(Tree(root))
    folders = list(walk.folders())
    return Walked(folders, " ".join(filter(None, (walk.beside.sentence, walk.unread))))


class _Walk:
    def __init__(self, tree: Tree) -> None:
        self.beside = Beside()
        self._tree = tree
        self._unread: dict[str, str] = {}
        self._directories = {found.parts: found for found in tree.walk()}

    @property
    def unread(self) -> str:
        """A sentence about what a server keeps beside the messages, and what can't be read; empty where all was read."""
        if not self._unread:
            return ""
        files = [printable(f"{name} ({why})") for name, why in self._unread.items()]
        names = ", ".join(files[:NAMED]) + (", …" if len(files) > NAMED else "")
        return (
            f"Keywords of messages, or which folders are subscribed, are left out, since this can't be read: {names}."
        )

    def folders(self) -> Iterator[FileFolder]:
        subscribed = self._subscriptions()
        for parts, directory in sorted(self._directories.items()):
            if self._is_folder(parts):
                yield self._folder(directory, subscribed)
            elif any(self._is_of_a_folder(parts[:level]) for level in range(1, len(parts) + 1)):
                continue
            elif directory.error:
                yield _named(parts, directory.error)
            elif parts[-1:] == (courier.KEYWORDS,):
                continue
            yield from self._beside(directory)

    def _is_of_a_folder(self, parts: Parts) -> bool:
        """Whether it is one of the three directories of a folder, and none itself."""
        return parts[-1] in _OF_A_FOLDER and self._is_folder(parts[:-1]) and not self._is_folder(parts)

    def _is_folder(self, parts: Parts) -> bool:
        """``cur`` makes a folder; so does ``new``, which is all that some deliverers make, unless it is a folder of that name."""
        names = self._within(parts)
        return "cur" in names or ("new" in names and not {"cur", "new"} & self._within((*parts, "new")))

    def _within(self, parts: Parts) -> set[str]:
        found = self._directories.get(parts)
        return {*found.folders, *found.closed} if found else set()

    def _folder(self, directory: Directory, subscribed: set[str] | None) -> FileFolder:
        folder = _named(directory.parts)
        folder.subscribed = subscribed is None or folder.path.join(".") in subscribed
        keywords = self._keywords(directory.parts)
        listed: list[tuple[str, FileEntry]] = []
        for kind in ("cur", "new"):
            within = self._directories.get((*directory.parts, kind))
            folder.error = folder.error or directory.closed.get(kind, "") or (within.error if within else "")
            listed += self._entries(within, keywords) if within else []
        if not folder.error:  # of half a folder nobody could say what vanished
            given = self._of_courier(directory.parts)
            folder.entries = [
                replace(entry, flags=normalise_flags((*entry.flags, *given.get(entry.key, ()))))
                for _, entry in sorted(listed, key=lambda each: _sort_key(each[0]))
            ]
        return folder

    def _entries(self, within: Directory, keywords: dict[str, str]) -> Iterator[tuple[str, FileEntry]]:
        for file in within.files:
            if is_apple_double(file.name, partial(head_of, partial(self._tree.open, file.real))):
                self.beside.count(file.name)
            else:
                yield file.name, _entry(self._tree, file, keywords)
        folders = [name for name in within.folders if not self._is_folder((*within.parts, name))]
        refused = within.odd | within.closed | dict.fromkeys(folders, "it is a folder among the messages")
        for name, why in refused.items():
            base, _, info = name.partition(":2,")
            yield name, unreadable_entry(base, why, _flags(info, keywords))

    def _of_courier(self, parts: Parts) -> courier.Keywords:
        place = (*parts, courier.KEYWORDS)
        within = self._directories.get(place)
        if within is None:
            return {}
        return courier.read_keywords(lambda name: self._text((*place, name)), [f.name for f in within.files])

    def _subscriptions(self) -> set[str] | None:
        """Names in Dovecot's or Courier's file; None where there is none that can be read (then everything counts as subscribed)."""
        for name in ("subscriptions", courier.SUBSCRIBED):
            text = self._text((name,))
            if text is not None:
                lines = text.decode("utf-8", "surrogateescape").splitlines()
                listed = [line for line in lines if line and not line.startswith("V\t")]
                if name == courier.SUBSCRIBED:
                    listed = ["INBOX", *map(courier.subscribed_name, listed)]
                return {decode_utf7(re.sub(r"[\t/]", ".", line).encode("utf-8", "surrogateescape")) for line in listed}
        return None

    def _keywords(self, place: Parts) -> dict[str, str]:
        """Dovecot's letters a–z for keywords."""
        text = (self._text((*place, "dovecot-keywords")) or b"").decode("utf-8", "backslashreplace")
        found = filter(None, map(_KEYWORD.fullmatch, text.splitlines()))
        return {chr(ord("a") + int(line[1])): line[2] for line in found}

    def _text(self, parts: Parts) -> bytes | None:
        """None where there is no such file, or none that can be read, which is told."""
        try:
            return read_whole(partial(self._tree.open, parts), BESIDE_OCTETS)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._unread["/".join(parts)] = reason_of(error)
            return None

    def _beside(self, directory: Directory) -> Iterator[FileFolder]:
        """What lies in a directory that are no messages of a folder."""
        self.beside.set_aside(directory)
        parts = directory.parts
        own = _OF_A_FOLDER if self._is_folder(parts) else ()
        named = {name: why for name, why in directory.closed.items() if name not in own} | directory.odd
        for file in directory.files:
            if not OF_A_SERVER.match(file.name):
                named[file.name] = self.beside.look(file.name, partial(head_of, partial(self._tree.open, file.real)))
        for name, why in sorted(named.items()):
            if why and not OF_A_SERVER.match(name):
                yield _named((*parts, name), why)


def _named(parts: Parts, error: str = "") -> FileFolder:
    """``.A.B`` is A/B; a folder without a dot first is one level; both may be mixed. The Maildir itself is INBOX."""
    if not parts:
        return FileFolder(INBOX, pieces=("",), error=error)
    levels = [level for part in parts for level in _levels(part)]
    names = tuple(decode_utf7(os.fsencode(bare)) for _, bare in levels)
    regular = [encode_utf7(name).decode() for name in names]
    odd = sum(piece not in (name, f".{name}") for (piece, _), name in zip(levels, regular, strict=True))
    return FileFolder(FolderPath(names), pieces=tuple(piece for piece, _ in levels), odd=odd, error=error)


def _levels(part: str) -> list[tuple[str, str]]:
    """The levels in one directory's name, each with its dots and without. Empty names are none."""
    if not part.startswith("."):
        return [(part, part)]
    return [(piece, piece.strip(".") or piece) for piece in _LEVEL.findall(part)]


def _sort_key(name: str) -> tuple[int, str]:
    number = _ORDER.match(name)
    return int(number[1]) if number else 0, name


def _entry(tree: Tree, file: Found, keywords: dict[str, str]) -> FileEntry:
    base, _, info = file.name.partition(":2,")
    read = partial(read_message, partial(tree.open, file.real))
    return FileEntry(base, _flags(info, keywords), InternalDate(int(file.modified)), file.octets, read)


def _flags(info: str, keywords: dict[str, str]) -> Flags:
    return normalise_flags(_LETTERS.get(letter) or keywords.get(letter, "") for letter in info)
