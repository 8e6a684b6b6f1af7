"""Somebody with a mail program: reads and changes one mailbox over imaplib, by UID. Knows nothing of Bascule."""

import contextlib
import imaplib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from support import reference

PASSWORD = "secret"
_ANSWER_SECONDS = 60
"""Without an answer the server hangs."""
imaplib.Commands["MOVE"] = ("SELECTED",)
imaplib.Commands["UNSELECT"] = ("SELECTED",)
TAG = re.compile(rb"^X-Tag: (\S+)\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as IMAP shows it. ``date`` in seconds since 1970; ``flags`` in small letters, without ``\\Recent``."""

    uid: int
    tag: str
    octets: bytes
    flags: frozenset[str]
    date: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder as IMAP shows it: its UIDVALIDITY, and what is in it."""

    uidvalidity: int
    messages: tuple[Seen, ...]


class Refused(Exception):
    """The server said NO."""


class Person:
    """Signed in until `close`. Folder names are ASCII, with ``/`` between levels."""

    def __init__(self, port: int, user: str) -> None:
        self._client = imaplib.IMAP4("127.0.0.1", port, timeout=_ANSWER_SECONDS)
        self._client.login(user, PASSWORD)

    def append(self, folder: str, octets: bytes, flags: Iterable[str] = (), date: int = 1_580_551_200) -> None:
        when = imaplib.Time2Internaldate(time.gmtime(date))
        when = re.sub(r" [+-]\d{4}\"$", ' +0000"', when)
        self._ok(self._client.append(_quoted(folder), f"({' '.join(flags)})", when, octets))

    def folders(self) -> list[str]:
        return sorted(raw.decode().replace(separator, "/") for raw, separator in reference.folders(self._client))

    def read(self) -> dict[str, Shelf]:
        """All folders but those that are only a place in the tree (some servers list them as if they could be opened). Changes nothing."""
        found = {}
        for name in self.folders():
            try:
                found[name] = self.read_folder(name)
            except Refused as refusal:
                if "exist" not in str(refusal):
                    raise
        return found

    def read_folder(self, folder: str) -> Shelf:
        """What is in it. Raises `Refused`."""
        self._open(folder, read_only=True)
        try:
            validity = int(self._client.response("UIDVALIDITY")[1][0])
            replies = self._ok(self._client.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])"))
            return Shelf(validity, tuple(sorted(_seen(replies), key=lambda seen: seen.uid)))
        finally:
            self._leave()

    def marks(self, folder: str) -> list[set[str]]:
        r"""Every flag of each message, ``\Deleted`` as well, by UID."""
        self._open(folder, read_only=True)
        try:
            replies = self._ok(self._client.uid("FETCH", "1:*", "(FLAGS)"))
            told = [{flag.decode() for flag in imaplib.ParseFlags(reply)} for reply in replies]
            return [flags - {"\\Recent"} for flags in told]
        finally:
            self._leave()

    def store(self, folder: str, uids: Iterable[int], change: str, flags: Iterable[str]) -> None:
        """``change``: ``+`` adds, ``-`` takes away, an empty one replaces."""
        self._on(folder, ("STORE", _set(uids), f"{change}FLAGS.SILENT", f"({' '.join(flags)})"))

    def move(self, folder: str, uids: Iterable[int], to: str) -> None:
        self._on(folder, ("MOVE", _set(uids), _quoted(to)))

    def copy(self, folder: str, uids: Iterable[int], to: str) -> None:
        self._on(folder, ("COPY", _set(uids), _quoted(to)))

    def remove(self, folder: str, uids: Iterable[int]) -> None:
        """Marks as deleted and expunges just these."""
        self._on(folder, ("STORE", _set(uids), "+FLAGS.SILENT", "(\\Deleted)"), ("EXPUNGE", _set(uids)))

    def create(self, folder: str) -> None:
        self._ok(self._client.create(_quoted(folder)))

    def rename(self, folder: str, to: str) -> None:
        self._ok(self._client.rename(_quoted(folder), _quoted(to)))

    def delete(self, folder: str) -> None:
        self._ok(self._client.delete(_quoted(folder)))

    def subscribe(self, folder: str) -> None:
        self._ok(self._client.subscribe(_quoted(folder)))

    def uids(self, folder: str, tag: str) -> list[int]:
        """Where messages with this tag lie in the folder."""
        return [seen.uid for seen in self.read_folder(folder).messages if seen.tag == tag]

    def close(self) -> None:
        """Also where the server has gone meanwhile, and a second time."""
        for way in (self._client.logout, self._client.shutdown):
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                way()

    def _on(self, folder: str, *commands: tuple[str, ...]) -> None:
        self._open(folder, read_only=False)
        try:
            for command in commands:
                self._ok(self._client.uid(*command))
        finally:
            self._leave()

    def _open(self, folder: str, *, read_only: bool) -> None:
        self._ok(self._client.select(_quoted(folder), readonly=read_only))

    def _leave(self) -> None:
        if self._client.state == "SELECTED":
            self._client.unselect()

    @staticmethod
    def _ok(answer: tuple[str, list]) -> list:
        if answer[0] != "OK":
            raise Refused(str(answer[1]))
        return answer[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _seen(replies: list) -> list[Seen]:
    found = []
    for place, reply in enumerate(replies):
        if isinstance(reply, tuple):
            after = replies[place + 1] if place + 1 < len(replies) else b""
            meta = reply[0] + (after if isinstance(after, bytes) else b"")
            uid, flags = re.search(rb"UID (\d+)", meta), re.search(rb"FLAGS \(([^)]*)\)", meta)
            date, tag = re.search(rb'INTERNALDATE "[^"]*"', meta), TAG.search(reply[1])
            assert uid is not None, meta
            assert flags is not None, meta
            assert date is not None, meta
            moment = imaplib.Internaldate2tuple(date[0])
            assert moment is not None, meta
            names = frozenset(flag.decode().lower() for flag in flags[1].split()) - {"\\recent"}
            found.append(Seen(int(uid[1]), tag[1].decode() if tag else "", reply[1], names, int(time.mktime(moment))))
    return found


def _set(uids: Iterable[int]) -> str:
    return ",".join(map(str, uids))


def _quoted(name: str) -> str:
    return f'"{name}"'
