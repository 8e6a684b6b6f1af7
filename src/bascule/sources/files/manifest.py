"""``manifest.jsonl``: what `bascule export` writes beside the files, and reads back, since files can't say it all.

One JSON object for each message: ``file`` (``start`` and ``end``: its octets within an mbox, 0 for a file of its own), ``folder`` (array of names), ``uid``, ``sha256``,
``octets``, ``flags``, ``date`` (seconds), ``zone`` (minutes), ``labels``. One for each folder: ``folder``, ``special_use``, ``subscribed``.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.instant import InternalDate

NAME = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class ManifestMessage:
    file: str
    start: int
    end: int
    folder: FolderPath
    uid: int
    sha256: str
    octets: int
    flags: Flags
    date: InternalDate
    labels: tuple[str, ...] | None = None

    def to_json(self) -> str:
        return json.dumps(
            {
                "file": self.file, "start": self.start, "end": self.end, "folder": self.folder.parts, "uid": self.uid,
                "sha256": self.sha256, "octets": self.octets, "flags": sorted(self.flags),
                "date": self.date.utc_seconds, "zone": self.date.zone_minutes, "labels": self.labels,
            },
            ensure_ascii=False,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ManifestFolder:
    folder: FolderPath
    special_use: SpecialUse | None
    subscribed: bool

    def to_json(self) -> str:
        use = self.special_use.value if self.special_use else None
        row = {"folder": self.folder.parts, "special_use": use, "subscribed": self.subscribed}
        return json.dumps(row, ensure_ascii=False)


@dataclass(slots=True)
class Manifest:
    folders: dict[FolderPath, ManifestFolder]
    messages: list[ManifestMessage]


def read_manifest(lines: Iterable[str], where: str) -> Manifest:
    """Raises BasculeError with the line at fault."""
    manifest = Manifest({}, [])
    for number, line in enumerate(lines, 1):
        try:
            _take(manifest, json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise BasculeError(
                f"{where} is damaged at line {number}: {error}.",
                "Export again, or remove it: the messages are then read without it.",
                ExitStatus.USAGE,
            ) from error
    return manifest


def _take(manifest: Manifest, row: dict[str, Any]) -> None:
    path = FolderPath(tuple(row["folder"]))
    if "file" not in row:
        use = SpecialUse(row["special_use"]) if row["special_use"] else None
        manifest.folders[path] = ManifestFolder(path, use, bool(row["subscribed"]))
        return
    labels = tuple(row["labels"]) if row["labels"] is not None else None
    date = InternalDate(row["date"], row["zone"])
    manifest.messages.append(
        ManifestMessage(
            row["file"],
            row["start"],
            row["end"],
            path,
            row["uid"],
            row["sha256"],
            row["octets"],
            frozenset(row["flags"]),
            date,
            labels,
        )
    )
