"""One mboxrd file for each folder: ``Archive/2015.mbox``. RFC 4155; mboxrd's quoting as qmail's mbox(5) has it.

A message's octets are written as they are, quoting apart: its lines end as they did, while ``From`` lines end in LF, and no Status field is put in. Flags stand in the
manifest; for programs that do not read it, Maildir carries them.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bascule.export.names import FolderNames, clear
from bascule.mailbox import FolderRow, MessageRow
from bascule.sources.files.manifest import NAME
from bascule.terms.body import Body
from bascule.terms.instant import LAST_SECOND

_FROM = re.compile(rb"^(?=>*From )", re.MULTILINE)


def quote(octets: bytes) -> bytes:
    """One ``>`` more before each line that begins with ``From`` or a quoted one."""
    return _FROM.sub(b">", octets) if b"From " in octets else octets


class MboxWriter:
    def __init__(self, destination: Path) -> None:
        self._root = destination
        self._names = FolderNames(".mbox")
        self._file: BinaryIO | None = None
        self._name = ""
        destination.mkdir(parents=True, exist_ok=True)

    def begin(self, folder: FolderRow) -> None:
        self._close()
        self._name = self._names.file(folder.path.parts)
        path = self._root / self._name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb")

    def write(self, row: MessageRow, body: Body) -> tuple[str, int, int]:
        assert self._file is not None  # `begin` comes first
        stamp = time.asctime(time.gmtime(min(max(0, row.date.utc_seconds), LAST_SECOND)))
        self._file.write(f"From bascule@localhost {stamp}\n".encode())
        start = self._file.tell()
        self._file.write(quote(body.whole()))
        end = self._file.tell()
        # What ends a message is an empty line; the manifest says where the message itself ended.
        self._file.write(b"\n\n" if not body.octets or not body.whole().endswith(b"\n") else b"\n")
        return self._name, start, end

    def abandon(self) -> None:
        self._close()
        clear(self._root)

    def finish(self, manifest: Iterator[str]) -> None:
        self._close()
        with (self._root / NAME).open("x", encoding="utf-8", errors="surrogatepass") as file:
            file.writelines(f"{line}\n" for line in manifest)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
