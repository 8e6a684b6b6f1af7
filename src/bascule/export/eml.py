"""One file for each message: ``Folder/000001 Subject.eml``, in a folder or in a zip."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bascule.export.names import FolderNames, clear, safe_name
from bascule.mailbox import FolderRow, MessageRow
from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.sources.files.manifest import NAME
from bascule.terms.body import Body

_ENDING = ".eml"


class _Naming:
    """Paths below the destination, for folders and their messages."""

    def __init__(self) -> None:
        self._folders = FolderNames(_ENDING)
        self.folder = ""
        self._number = 0

    def begin(self, folder: FolderRow) -> None:
        self.folder = self._folders.directory(folder.path.parts)
        self._number = 0

    def message(self, body: Body) -> str:
        self._number += 1
        subject = summarise(body.start(HEADER_OCTETS)).subject[:60]
        return f"{self.folder}/{safe_name(f'{self._number:06d} {subject}')}{_ENDING}"


class EmlWriter:
    def __init__(self, destination: Path) -> None:
        self._root = destination
        self._naming = _Naming()
        destination.mkdir(parents=True, exist_ok=True)

    def begin(self, folder: FolderRow) -> None:
        self._naming.begin(folder)
        (self._root / self._naming.folder).mkdir(parents=True, exist_ok=True)

    def write(self, row: MessageRow, body: Body) -> tuple[str, int, int]:
        name = self._naming.message(body)
        with (self._root / name).open("xb") as file:
            file.writelines(body.chunks())
        return name, 0, 0

    def abandon(self) -> None:
        clear(self._root)

    def finish(self, manifest: Iterator[str]) -> None:
        with (self._root / NAME).open("x", encoding="utf-8", errors="surrogatepass") as file:
            file.writelines(f"{line}\n" for line in manifest)


class ZipWriter:
    """The zip appears under its name only when it is complete."""

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._partial = destination.with_name(destination.name + ".partial")
        self._naming = _Naming()
        destination.parent.mkdir(parents=True, exist_ok=True)
        self._zip = zipfile.ZipFile(self._partial, "w", zipfile.ZIP_DEFLATED, allowZip64=True)

    def begin(self, folder: FolderRow) -> None:
        self._naming.begin(folder)

    def write(self, row: MessageRow, body: Body) -> tuple[str, int, int]:
        name = self._naming.message(body)
        info = zipfile.ZipInfo(name, _zip_date(row.date.utc_seconds))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.file_size = body.octets
        with self._zip.open(info, "w") as member:
            for chunk in body.chunks():
                member.write(chunk)
        return name, 0, 0

    def abandon(self) -> None:
        self._partial.unlink(missing_ok=True)

    def finish(self, manifest: Iterator[str]) -> None:
        with self._zip.open(NAME, "w", force_zip64=True) as member:
            for line in manifest:
                member.write(f"{line}\n".encode("utf-8", "surrogatepass"))
        self._zip.close()
        self._partial.rename(self._destination)


def _zip_date(utc_seconds: int) -> tuple[int, int, int, int, int, int]:
    """Zip knows the years 1980 to 2107."""
    first, last = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)
    bounded = min(max(utc_seconds, int(first.timestamp())), int(last.timestamp()))
    when = datetime.fromtimestamp(bounded, UTC)
    return when.year, when.month, when.day, when.hour, when.minute, when.second
