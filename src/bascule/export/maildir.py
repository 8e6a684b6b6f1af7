"""A Maildir++ that Dovecot and Courier open as it is: ``.A.B`` beside ``cur``, flags in the names, arrival as the file's time."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bascule.export.names import clear, digest_of
from bascule.mailbox import FolderRow, MessageRow
from bascule.protocols.imap.names import encode_utf7
from bascule.sources.files.manifest import NAME
from bascule.terms.body import Body
from bascule.terms.flags import Flags, keywords_of
from bascule.terms.instant import LAST_SECOND

_LETTERS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}
KEYWORDS = 26
"""Dovecot writes keywords as the letters a–z; a folder's further ones are in the manifest alone."""

_NAME_OCTETS = 240
"""All levels of a folder are one name here, and a name has 255 octets; some are left for a dot and a number."""


def _name(parts: Sequence[str]) -> str:
    """``A.B``; of a path that is too long, the first letters of each level, so that people know it again, or else a digest: the manifest has the whole."""
    for letters in (None, 40, 20, 10, 5):
        levels = [encode_utf7(part[:letters].replace(".", "_").replace("/", "_")) for part in parts]
        name = b".".join(levels).decode()
        if len(name) <= _NAME_OCTETS:
            return name
    return digest_of(parts)


class MaildirWriter:
    def __init__(self, destination: Path) -> None:
        self._root = destination
        self._place = destination
        self._keywords: dict[str, int] = {}
        self._subscribed: list[str] = []
        self._number = 0
        destination.mkdir(parents=True, exist_ok=True)

    def begin(self, folder: FolderRow) -> None:
        self._write_keywords()
        name = _name(folder.path.parts)
        self._place = self._root if folder.path.is_inbox else self._root / f".{name}"
        number = 1
        while self._place != self._root and self._place.exists():  # A.B and A/B are one name here
            number += 1
            self._place = self._root / f".{name} ({number})"
        for kind in ("cur", "new", "tmp"):
            (self._place / kind).mkdir(parents=True, exist_ok=True)
        if folder.subscribed:
            self._subscribed.append(name)
        self._keywords = {}

    def write(self, row: MessageRow, body: Body) -> tuple[str, int, int]:
        self._number += 1
        when = min(max(0, row.date.utc_seconds), LAST_SECOND)
        base = f"{when}.M{self._number:09d}P0.bascule,S={body.octets}"
        path = self._place / "cur" / f"{base}:2,{self._letters(row.flags)}"
        with path.open("xb") as file:
            file.writelines(body.chunks())
        os.utime(path, (when, when))
        return str(path.relative_to(self._root)), 0, 0

    def _letters(self, flags: Flags) -> str:
        letters = [_LETTERS[flag] for flag in flags if flag in _LETTERS]
        for keyword in sorted(keywords_of(flags)):
            number = self._keywords.setdefault(keyword, len(self._keywords))
            if number < KEYWORDS:
                letters.append(chr(ord("a") + number))
        return "".join(sorted(letters))

    def _write_keywords(self) -> None:
        lines = [f"{number} {keyword}\n" for keyword, number in self._keywords.items() if number < KEYWORDS]
        if lines:
            (self._place / "dovecot-keywords").write_text("".join(lines), "utf-8")

    def abandon(self) -> None:
        clear(self._root)

    def finish(self, manifest: Iterator[str]) -> None:
        self._write_keywords()
        (self._root / "subscriptions").write_text("".join(f"{name}\n" for name in self._subscribed), "ascii")
        with (self._root / NAME).open("x", encoding="utf-8", errors="surrogatepass") as file:
            file.writelines(f"{line}\n" for line in manifest)
