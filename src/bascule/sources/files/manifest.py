"""``manifest.jsonl``: what `bascule export` writes beside the files, and reads back, since files can't say it all.

One JSON object for each message: ``file`` (``start`` and ``end``: its octets within an mbox, 0 for a file of its own), ``folder`` (array of names), ``uid``, ``sha256``,
``octets``, ``flags``, ``date`` (seconds), ``zone`` (minutes), ``labels``. One for each folder: ``folder``, ``special_use``, ``subscribed``.
"""

import json
from dataclasses import dataclass
from typing import IO, Any

from bascule.sources.limits import MANIFEST_LINE_OCTETS, MANIFEST_LINES, MANIFEST_OCTETS
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.instant import InternalDate

NAME = "manifest.jsonl"
_MOST = 2**63 - 1
"""What a catalogue takes. A date may lie in a year that no calendar has: files have such dates, and they come back as they were."""


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


def read_manifest(file: IO[bytes], where: str) -> Manifest:
    """Raises BasculeError with the line at fault; what reading the file raises."""
    manifest, octets = Manifest({}, []), 0
    for number, line in enumerate(iter(lambda: file.readline(MANIFEST_LINE_OCTETS + 1), b""), 1):
        octets += len(line)
        try:
            _require_limits(number, len(line), octets)
            if line.strip():
                _take(manifest, json.loads(line.decode("utf-8", "surrogatepass")))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BasculeError(
                f"{where} is damaged at line {number}: {error}.",
                "Export again, fewer folders at a time where it is too large, or remove it: the messages are then read without it.",
                ExitStatus.USAGE,
            ) from error
    return manifest


def _require_limits(lines: int, of_this_line: int, octets: int) -> None:
    """Raises ValueError."""
    if of_this_line > MANIFEST_LINE_OCTETS:
        raise ValueError(f"it has more than {MANIFEST_LINE_OCTETS} octets")
    if lines > MANIFEST_LINES or octets > MANIFEST_OCTETS:
        raise ValueError(f"up to here it has more than {MANIFEST_LINES} lines or {MANIFEST_OCTETS} octets")


def _take(manifest: Manifest, row: dict[str, Any]) -> None:
    path = FolderPath(_texts(row["folder"], "folder"))
    if "file" not in row:
        use = SpecialUse(row["special_use"]) if row["special_use"] else None
        manifest.folders[path] = ManifestFolder(path, use, bool(row["subscribed"]))
        return
    start = _whole(row, "start")
    manifest.messages.append(
        ManifestMessage(
            _text(row["file"], "file"),
            start,
            _whole(row, "end", start),
            path,
            _whole(row, "uid"),
            _text(row["sha256"], "sha256"),
            _whole(row, "octets"),
            normalise_flags(_texts(row["flags"], "flags")),
            InternalDate(_whole(row, "date", -_MOST), _whole(row, "zone", -_MOST)),
            None if row["labels"] is None else _texts(row["labels"], "labels"),
        )
    )


def _whole(row: dict[str, Any], name: str, least: int = 0, most: int = _MOST) -> int:
    value = row[name]
    if type(value) is not int or not least <= value <= most:  # True is an int, too
        raise ValueError(f"“{name}” is no whole number from {least} to {most}")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"“{name}” is no text")
    return value


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"“{name}” is no list")
    return tuple(_text(each, name) for each in value)
