"""mbox in its dialects, Thunderbird profiles, and Google Takeout with its labels.

A message begins at a line ``From …`` that stands first, or after an empty line and is followed by a header field; what stands before the first one is a message,
too. ``>From`` loses one ``>``
(mboxrd; mboxo is the same for one level). Where the file's messages have a Content-Length that fits, it says where they end, and nothing is quoted
(mboxcl2: `lengths`). Where `bascule export` wrote the file, ``manifest.jsonl`` beside it says how many octets each
message has, so that nothing has to be guessed. RFC 4155 describes the format; qmail's mbox(5) names the dialects.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from bascule.protocols.mime.headers import decode_field, header_of
from bascule.sources.files.base import FileEntry, FileFolder
from bascule.sources.files.lengths import Lengths
from bascule.sources.files.reading import (
    HEAD_OCTETS,
    Opener,
    before_mbox,
    date_from_header,
    date_from_text,
    pieces_of,
    reason_of,
)
from bascule.terms.body import Body, body_of
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.folder import INBOX, FolderPath, SpecialUse
from bascule.terms.instant import InternalDate

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_STATUS = re.compile(
    rb"^(status|x-status|x-mozilla-status|x-mozilla-keys|x-keywords)[ \t]*:[ \t]*([^\r\n]*)", re.I | re.M
)
_LABELS = re.compile(rb"^x-gmail-labels[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.I | re.M)

_INBOX_LABELS = {"inbox", "boîte de réception"}
_PLACES = {
    "sent": ("Sent", SpecialUse.SENT), "messages envoyés": ("Sent", SpecialUse.SENT),
    "drafts": ("Drafts", SpecialUse.DRAFTS), "brouillons": ("Drafts", SpecialUse.DRAFTS),
    "spam": ("Junk", SpecialUse.JUNK), "trash": ("Trash", SpecialUse.TRASH), "corbeille": ("Trash", SpecialUse.TRASH),
}  # fmt: skip
_UNREAD = {"unread", "non lus", "non lu"}
_STARRED = {"starred", "suivis", "suivi"}
_NO_PLACE = _UNREAD | _STARRED | {"opened", "ouvert", "ouverts", "important", "importants", "archived", "archivés"}
_ARCHIVE = FolderPath(("Archive",))

Labelled = dict[FolderPath, FileFolder]
"""The folders that labels name."""


@dataclass(frozen=True, slots=True)
class Span:
    """A message's place in the file: from the octet after its ``From`` line to the one after its last. ``quoted``: `unquote` gives what it was."""

    start: int
    end: int
    from_line: bytes
    quoted: bool = True


def find_messages(file: BinaryIO) -> Iterator[Span]:
    """The messages of an mbox, in order, with every octet in one of them but what separates them. Reads it once, line by line. Raises OSError."""
    first = before_mbox(file.read(HEAD_OCTETS))
    file.seek(first)
    begun = Span(first, first, b"")
    candidate: Span | None = None  # a message that may begin here, and where the one before would end
    position, blank, before_blank = first, True, first
    lengths = Lengths(file)
    for line in file:
        if candidate is not None and _FIELD.match(line):
            yield from _ended(begun, candidate.end)
            begun = candidate
            lengths.begin()
        candidate = None
        if blank and line.startswith(b"From "):
            candidate = Span(position + len(line), before_blank, line)
            if position == first:
                begun, candidate = candidate, None
                lengths.begin()
        blank = not line.strip(b"\r\n")
        if blank:
            before_blank = position
        position += len(line)
        if reach := lengths.reach(line, position):
            yield Span(begun.start, reach.end, begun.from_line, quoted=False)
            first = position = before_blank = reach.next
            begun = Span(position, position, b"")
    yield from _ended(begun, before_blank if blank else position)


def _ended(begun: Span, end: int) -> Iterator[Span]:
    """A message that was begun; nothing before the first ``From`` is none."""
    if begun.from_line or end > begun.start:
        yield Span(begun.start, max(begun.start, end), begun.from_line)


def unquote(octets: bytes) -> bytes:
    """One ``>`` less before each quoted ``From``."""
    return _QUOTED.sub(b"", octets) if b">From " in octets else octets


def read_span(opened: Opener, span: Span) -> Body:
    """The message in a span, as it was before it was quoted. Raises OSError, ValueError."""
    whole = b"".join(pieces_of(opened, span.start, span.end))
    return body_of(iter([unquote(whole) if span.quoted else whole]))


def folder_of_mbox(parts: Sequence[str], error: str = "") -> FileFolder:
    """What the mbox of a path is called, without the endings that programs give to mboxes and to the folders within them."""
    names = [part.removesuffix(".sbd") or part for part in parts[:-1]]
    path = FolderPath((*names, parts[-1].removesuffix(".mbox").removesuffix(".mbx") or parts[-1]))
    return FileFolder(path, pieces=tuple(parts), error=error)


def read_mbox(own: FileFolder, labelled: Labelled, name: str, opened: Opener, modified: InternalDate) -> None:
    """Its messages, into the folder of the file, or into those that their labels name. Where it can't be read to its end, the folder has the reason."""
    found: list[tuple[FileFolder, FileEntry]] = []
    try:
        with opened() as file, opened() as heads:
            for span in find_messages(file):
                heads.seek(span.start)
                head = heads.read(min(span.end - span.start, HEAD_OCTETS))
                found.append(_entry(own, labelled, span, head, (name, opened, modified)))
    except (OSError, ValueError) as error:
        own.error = reason_of(error)
        return
    for folder, entry in found:
        folder.entries.append(entry)


def _entry(
    own: FileFolder, labelled: Labelled, span: Span, head: bytes, file: tuple[str, Opener, InternalDate]
) -> tuple[FileFolder, FileEntry]:
    name, opened, modified = file
    header = header_of(head)
    labels = _labels(header)
    folder = own if labels is None else _labelled(labels, labelled)
    flags = _flags(header) if labels is None else _label_flags(labels)
    key = f"{name} {span.start}-{span.end} {modified.utc_seconds}"
    date = _date(span.from_line) or date_from_header(head, modified.utc_seconds)
    return folder, FileEntry(key, flags, date, span.end - span.start, partial(read_span, opened, span), labels)


def joined(own: Collection[FileFolder], labelled: Labelled) -> list[FileFolder]:
    """What labels place in a folder lies there beside what a file of that name holds; a file whose messages all have labels is no folder."""
    kept = [folder for folder in own if folder.entries or folder.error or not labelled]
    for folder in kept:
        also = labelled.pop(folder.path, None)
        if also is not None:
            folder.entries += also.entries
            folder.special_use = also.special_use
    return [*kept, *labelled.values()]


def _labelled(labels: tuple[str, ...], folders: dict[FolderPath, FileFolder]) -> FileFolder:
    place, use = _place(labels)  # no file has NUL in its name
    return folders.setdefault(
        place, FileFolder(place, special_use=use, pieces=tuple(f"\0{part}" for part in place.parts))
    )


def _date(from_line: bytes) -> InternalDate | None:
    """``From sender Thu Jan  1 10:00:00 2020``: arrival, in UTC as RFC 4155 has it. Thunderbird's ``From - `` has it too."""
    parts = from_line.decode("latin-1").strip().split(" ", 2)
    if len(parts) < 3:
        return None
    words = parts[2].split()
    if len(words) < 5 or words[3].count(":") != 2:
        return None
    zone, year = (words[4], words[5]) if len(words) > 5 and words[4][0] in "+-" else ("+0000", words[4])
    return date_from_text(f"{words[0]}, {words[2]} {words[1]} {year} {words[3]} {zone}")


def _flags(header: bytes) -> Flags:
    """From the fields that mail programs keep their flags in. They stay part of the message."""
    names: list[str] = []
    for found in _STATUS.finditer(header):
        field, value = found[1].lower(), found[2].decode("latin-1").strip()
        if field == b"status":
            names += ["\\Seen"] if "R" in value else []
        elif field == b"x-status":
            letters = {"A": "\\Answered", "F": "\\Flagged", "T": "\\Draft", "D": "\\Deleted"}
            names += [flag for letter, flag in letters.items() if letter in value]
        elif field == b"x-mozilla-status":
            names += _mozilla_flags(value)
        else:
            names += [word for word in value.replace(",", " ").split() if word.isascii()]
    return normalise_flags(names)


def _mozilla_flags(value: str) -> list[str]:
    """nsMsgMessageFlags.h: 0x1 read, 0x2 replied, 0x4 marked, 0x8 expunged, 0x1000 forwarded."""
    try:
        bits = int(value, 16)
    except ValueError:
        return []
    table = ((0x1, "\\Seen"), (0x2, "\\Answered"), (0x4, "\\Flagged"), (0x8, "\\Deleted"), (0x1000, "$Forwarded"))
    return [flag for bit, flag in table if bits & bit]


def _labels(header: bytes) -> tuple[str, ...] | None:
    found = _LABELS.search(header)
    if found is None:
        return None
    text = decode_field(found[1])
    return tuple(label.strip().strip('"') for label in text.split(",") if label.strip())


def _place(labels: tuple[str, ...]) -> tuple[FolderPath, SpecialUse | None]:
    """One folder for a message that Gmail shows under several labels; the labels themselves are kept beside it."""
    folded = [label.lower() for label in labels]
    for label in folded:
        if label in _PLACES:
            name, use = _PLACES[label]
            return FolderPath((name,)), use
    if any(label in _INBOX_LABELS for label in folded):
        return INBOX, None
    for label in labels:
        if label.lower() not in _NO_PLACE and not label.lower().startswith(("category", "catégorie")):
            return FolderPath(tuple(part for part in label.split("/") if part) or ("Archive",)), None
    return _ARCHIVE, SpecialUse.ARCHIVE


def _label_flags(labels: tuple[str, ...]) -> Flags:
    folded = {label.lower() for label in labels}
    names = [] if folded & _UNREAD else ["\\Seen"]
    return normalise_flags([*names, *(["\\Flagged"] if folded & _STARRED else [])])
