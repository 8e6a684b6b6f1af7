"""A zip whose messages are read one after the other: its directory, which tells of every member, is read once and not for each of them."""

import threading
import zipfile
from pathlib import Path

from bascule.terms.body import CHUNK_OCTETS, Body, body_of


class Archive:
    """Opened at the first reading, and closed with the last entry that refers to it. Several threads may read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._opened: zipfile.ZipFile | None = None

    def read(self, name: str) -> Body:
        """One message. Raises ValueError when it is damaged or not there, OSError."""
        try:
            opened = self._open()
            with opened.open(name) as member:
                return body_of(iter(lambda: member.read(CHUNK_OCTETS), b""), opened.getinfo(name).file_size)
        except (zipfile.BadZipFile, KeyError) as error:
            raise ValueError(str(error)) from error

    def _open(self) -> zipfile.ZipFile:
        with self._lock:
            if self._opened is None:
                self._opened = zipfile.ZipFile(self._path)
            return self._opened
