"""mbox in its dialects, Thunderbird profiles, and Google Takeout with its labels.

A message begins at a line ``From …`` that stands first, or after an empty line: where it says when the message arrived, as mail programs write it (`from_line`),
whatever follows it; where it does not, only before a header field. What stands before the first one is a message, too. Of programs that are known to write no empty
line between messages (Eudora, old Thunderbirds) the line alone tells, where it has their form as the file's first line has it. What is doubtful is told (`remarks`):
a message that begins with no header field, and may be text that a writer did not quote, and a line that would begin a message if an empty line stood before it.
``>From`` loses one ``>`` (mboxrd; mboxo is the same for one level). Where the file's messages have a Content-Length that fits, it says where they
end, and nothing is quoted (mboxcl2: `lengths`). What programs keep in the header for themselves is taken off (`container`). Where `bascule export` wrote the
file, ``manifest.jsonl`` beside it says how many octets each message has, so that nothing has to be guessed. RFC 4155 describes the format; qmail's mbox(5) names the
dialects.

A message is read long after it was found, and the program whose mail it is may write the file meanwhile. It is believed only where all that is known of its
place is as it was: the ``From`` line before it, the start of its header, and what ends it.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedReader, RawIOBase
from itertools import chain
from typing import BinaryIO, cast

from bascule.protocols.mime.headers import header_of
from bascule.sources.contract import FolderError
from bascule.sources.files.base import FileEntry, FileFolder
from bascule.sources.files.container import ends_header, flags_of, is_expunged, is_takeout, labels_of, without_fields
from bascule.sources.files.from_line import arrival_of, is_dated
from bascule.sources.files.lengths import Lengths
from bascule.sources.files.reading import (
    HEAD_OCTETS,
    Opener,
    before_mbox,
    date_from_header,
    reason_of,
)
from bascule.sources.files.remarks import Remarks
from bascule.terms.body import CHUNK_OCTETS, HELD_OCTETS, Body, body_of
from bascule.terms.flags import Flags, normalise_flags
from bascule.terms.folder import INBOX, FolderPath, SpecialUse
from bascule.terms.instant import InternalDate

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_F, _CR_LF = b"F"[0], b"\r\n"
"""What is looked for in each line's first octet: a call for each line would take a third of the time of the walk."""
_ANYTHING = re.compile(rb"")
_BEGINS_WITH_FIELD = re.compile(rb"(?:>From [^\n]*\n)*" + _FIELD.pattern)
"""Old spools (UUCP, sendmail) have the ``From`` line of the host before as the first of the header, with ``>``."""
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_MAY_BE_QUOTED = re.compile(rb">+(?:F(?:r(?:o(?:m)?)?)?)?\Z")
_FROM_DATED = re.compile(rb"From (\S+) [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\s*\Z")
_UNSPACED = {
    b"???@???": _FIELD,  # Eudora
    b"-": re.compile(rb"x-(?:mozilla-status|account-key|uidl)[ \t]*:", re.I),  # old Thunderbirds
}
"""Whom the ``From`` line names → what follows it, of programs that write no empty line between messages."""

_PIECE_OCTETS = 2**20
"""How much is read at once where the lines of a file are walked through. With each read the interpreter is given up and taken back before another thread
wakes; one that is woken so every 8 KiB never gets it: a run that was to be stopped went on for seconds."""

OF_APPLE = "mbox"
REWRITTEN = "its file was changed while it was read; the next run reads it again"
"""The reason of a FolderError."""

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
    """A message's place in the file: from the octet after its ``From`` line to the one after its last. ``quoted``: `unquote` gives what it was. ``next``: where
    the next ``From`` line begins, or the end of the file."""

    start: int
    end: int
    from_line: bytes
    quoted: bool = True
    next: int = 0


def find_messages(file: BinaryIO, passed: Callable[[int], None] = lambda octet: None) -> Iterator[Span]:
    """The messages of an mbox, in order, with every octet in one of them but what separates them. Reads it once, line by line. ``passed`` is told where a line begins
    that would begin a message if an empty line stood before it. Raises OSError."""
    first = before_mbox(file.read(HEAD_OCTETS))
    file.seek(first)
    begun = Span(first, first, b"")
    candidate: Span | None = None  # a message that may begin here, and where the one before would end
    position, blank, before_blank = first, True, first
    form = _Form()
    lengths = Lengths(file)
    for line in iter(partial(file.readline, _PIECE_OCTETS), b""):
        octets = len(line)
        if octets == _PIECE_OCTETS and not line.endswith(b"\n"):
            # No message begins with a line that long, and none such is empty.
            octets += _pass_over_the_line(file)
        if candidate is not None and form.follows(line):
            if form.is_apart:
                yield from _ended(begun, candidate.end, candidate.start - len(candidate.from_line))
                begun = candidate
                lengths.begin()
            else:
                passed(candidate.start - len(candidate.from_line))
        candidate = None
        if line[0] == _F and line.startswith(b"From ") and octets == len(line) and form.may_begin(line, blank):
            candidate = Span(position + len(line), before_blank if blank else position, line)
            if position == first:
                begun, candidate = candidate, None
                lengths.begin()
        blank = line[0] in _CR_LF and octets == len(line) and not line.strip(b"\r\n")
        if blank:
            before_blank = position
        position += octets
        if lengths.in_header and (reach := lengths.reach(line, position)):
            yield Span(begun.start, reach.end, begun.from_line, quoted=False, next=reach.next)
            first = position = before_blank = reach.next
            begun = Span(position, position, b"")
    if candidate is not None and form.is_apart and form.follows(b""):
        yield from _ended(begun, candidate.end, candidate.start - len(candidate.from_line))
        begun = candidate
    yield from _ended(begun, before_blank if blank else position, position)


def _pass_over_the_line(file: BinaryIO) -> int:
    """To the end of the line in which the file stands: how many octets that were. Raises OSError."""
    octets = 0
    while piece := file.readline(_PIECE_OCTETS):
        octets += len(piece)
        if piece.endswith(b"\n"):
            break
    return octets


class _Form:
    """Which ``From`` lines begin a message, of those that one file has. ``is_apart``: whether the last one stands where one may begin: after an empty line, or
    anywhere where its program writes none."""

    def __init__(self) -> None:
        self.is_apart = False
        self._program: bytes | None = None
        self._expected = _FIELD

    def may_begin(self, line: bytes, blank: bool) -> bool:
        """Whether it depends on the line that follows it. ``blank``: it follows an empty line, or stands first."""
        unspaced = _FROM_DATED.match(line)
        whose = unspaced[1] if unspaced else b""
        if blank and self._program is None:
            self._program = whose
        self.is_apart = blank or (whose in _UNSPACED and whose == self._program)
        dated = is_dated(line)
        if blank:
            self._expected = _ANYTHING if dated else _FIELD
        else:
            self._expected = _UNSPACED.get(whose, _FIELD)
        return dated or self.is_apart

    def follows(self, line: bytes) -> bool:
        """Whether this is what follows the line that may begin one; empty at the end of the file."""
        return self._expected.match(line) is not None


def _ended(begun: Span, end: int, next: int) -> Iterator[Span]:
    """A message that was begun; nothing before the first ``From`` is none."""
    if begun.from_line or end > begun.start:
        yield Span(begun.start, max(begun.start, end), begun.from_line, next=next)


def unquote(octets: bytes) -> bytes:
    """One ``>`` less before each quoted ``From``."""
    return _QUOTED.sub(b"", octets) if b">From " in octets else octets


def unquoted(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`unquote` of all of them together, which may be cut anywhere: what may be the beginning of a quoted ``From`` is held back until its line goes on."""
    held, begins_line = b"", True
    for piece in pieces:
        octets = held + piece
        begun = 0 if begins_line else octets.find(b"\n") + 1 or len(octets)
        last = max(octets.rfind(b"\n") + 1, begun)
        is_open = _MAY_BE_QUOTED.match(octets, last) is not None and len(octets) - last < CHUNK_OCTETS
        held = octets[last:] if is_open else b""
        yield octets[:begun] + unquote(octets[begun : len(octets) - len(held)])
        if octets:
            begins_line = is_open or octets.endswith(b"\n")
    if held:
        yield unquote(held)


def read_span(opened: Opener, span: Span) -> Body:
    """The octets of a span, as they were before they were quoted. Raises OSError, ValueError."""
    with opened() as file:
        file.seek(span.start)
        return _body(_pieces(file, span.end - span.start), span)


def _body(pieces: Iterable[bytes], span: Span) -> Body:
    return body_of(iter(unquoted(pieces) if span.quoted else pieces))


def _pieces(file: BinaryIO, octets: int) -> Iterator[bytes]:
    """What the file has of so many octets."""
    while octets and (piece := file.read(min(octets, HELD_OCTETS))):
        octets -= len(piece)
        yield piece


@dataclass(frozen=True, slots=True)
class _Found:
    """A message as the walk found it. ``mark``: a digest of its start, without what programs write into it."""

    span: Span
    mark: bytes

    def read(self, opened: Opener) -> Body:
        """The message alone. Raises FolderError where the file is another one now, OSError, ValueError."""
        span = self.span
        with opened() as file:
            file.seek(span.start - len(span.from_line))
            from_line = file.read(len(span.from_line))
            pieces = _pieces(file, span.end - span.start)
            first = next(pieces, b"")
            takeout = is_takeout(span.from_line)
            own = without_fields(first, takeout=takeout) if len(first) < HELD_OCTETS or ends_header(first) else first
            head = own if len(first) <= HEAD_OCTETS else without_fields(first[:HEAD_OCTETS], takeout=takeout)
            if from_line != span.from_line or _mark(head) != self.mark:
                raise FolderError(REWRITTEN)
            body = _body(chain([own], pieces), span)
            is_in_place = file.tell() == span.end and _ends(file, span)
        if not is_in_place:
            body.close()
            raise FolderError(REWRITTEN)
        return body


def _mark(head: bytes) -> bytes:
    """``head``: without the fields of the container."""
    return hashlib.blake2b(head, digest_size=8).digest()


def _ends(file: BinaryIO, span: Span) -> bool:
    """Whether what separates it from the next message follows: behind the last one there may be others by now. The file stands at its end."""
    between, behind = file.read(span.next - span.end), file.read(len(b"From "))
    return len(between) == span.next - span.end and not between.strip(b"\r\n") and behind in (b"", b"From ")


def folder_of_mbox(parts: Sequence[str], error: str = "") -> FileFolder:
    """What the mbox of a path is called, without the endings that programs give to mboxes and to the folders within them. Apple Mail exports a folder as a
    directory ``NAME.mbox`` with a file ``mbox``."""
    shown = parts[:-1] if parts[-1] == OF_APPLE and len(parts) > 1 and parts[-2].endswith(".mbox") else parts
    names = [part.removesuffix(".sbd") or part for part in shown[:-1]]
    path = FolderPath((*names, shown[-1].removesuffix(".mbox").removesuffix(".mbx") or shown[-1]))
    return FileFolder(path, pieces=tuple(parts), error=error)


def read_mbox(own: FileFolder, labelled: Labelled, name: str, opened: Opener, modified: InternalDate) -> Remarks:
    """Its messages, into the folder of the file, or into those that their labels name; and what is to be told of it. Where it can't be read to its end, the folder
    has the reason."""
    found: list[tuple[FileFolder, FileEntry]] = []
    remarks = Remarks()
    is_certain = True  # where the first one begins, and one behind a message that says how long it is
    try:
        with opened() as file, opened() as heads:
            buffered = BufferedReader(cast(RawIOBase, file), _PIECE_OCTETS)
            for span in find_messages(buffered, partial(remarks.passed.found, name)):
                heads.seek(span.start)
                head = heads.read(min(span.end - span.start, HEAD_OCTETS))
                if not is_certain and not _BEGINS_WITH_FIELD.match(head):
                    remarks.bare.found(name, span.start - len(span.from_line))
                is_certain = not span.quoted
                if is_expunged(head):
                    remarks.expunged += 1
                else:
                    found.append(_entry(own, labelled, span, head, (name, opened, modified)))
    except (OSError, ValueError) as error:
        own.error = reason_of(error)
        return Remarks()
    for folder, entry in found:
        folder.entries.append(entry)
    return remarks


def _entry(
    own: FileFolder, labelled: Labelled, span: Span, head: bytes, file: tuple[str, Opener, InternalDate]
) -> tuple[FileFolder, FileEntry]:
    name, opened, modified = file
    header = header_of(head)
    takeout = is_takeout(span.from_line)
    labels = labels_of(header) if takeout else None
    folder = own if labels is None else _labelled(labels, labelled)
    flags = flags_of(header) if labels is None else _label_flags(labels)
    key = f"{name} {span.start}-{span.end} {modified.utc_seconds}"
    date = arrival_of(span.from_line) or date_from_header(head, modified.utc_seconds)
    own_head = without_fields(head, takeout=takeout)
    octets = span.end - span.start - len(head) + len(own_head)
    return folder, FileEntry(key, flags, date, octets, partial(_Found(span, _mark(own_head)).read, opened), labels)


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
