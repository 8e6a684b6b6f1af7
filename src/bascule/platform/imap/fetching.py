"""FETCH responses: one line for each message, of the attributes that were asked for. RFC 9051 §7.5.2"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveRow
from bascule.mailbox.live.reading import Described
from bascule.protocols.imap.answers import string
from bascule.protocols.imap.dates import format_date_time, writable_date
from bascule.protocols.imap.describe import body_structure
from bascule.protocols.imap.requests.fetch import Fetch, Octets
from bascule.protocols.imap.section import Text, octets_of, part_at
from bascule.protocols.mime.decoding import UnknownEncoding, decoded
from bascule.protocols.mime.structure import Part, parse_structure
from bascule.protocols.mime.text import searchable
from bascule.terms.instant import InternalDate

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session

PREVIEW_CHARACTERS = 200
"""RFC 8970 §3.2: at most 256, and 200 is what it suggests."""
_FROM_DESCRIPTION = ("ENVELOPE", "BODYSTRUCTURE")


class _Message:
    """A message's octets and structure, read when something first needs them."""

    def __init__(self, session: "Session", row: LiveRow) -> None:
        self._session = session
        self._row = row
        self._octets: bytes | None = None
        self._root: Part | None = None

    @property
    def octets(self) -> bytes:
        if self._octets is None:
            self._octets = self._session.box.reading.octets(self._row.body)
        return self._octets

    @property
    def root(self) -> Part:
        if self._root is None:
            self._root = parse_structure(self.octets)
        return self._root


class Writer:
    """``newly_seen``: UID → flag set of messages whose ``\\Seen`` this FETCH has set. ``refusal``: why not all could be given, or None."""

    def __init__(self, session: "Session", asked: Fetch, *, uid: bool) -> None:
        plain = [name for name in asked.plain if not (uid and name == "UID")]
        if uid:
            plain.insert(0, "UID")
        if asked.changed_since is not None and "MODSEQ" not in plain:
            plain.append("MODSEQ")
        self._session = session
        self._view = session.selected
        self._plain = plain
        self._of_fields = {place: item.section.names for place, item in enumerate(asked.octets) if _is_of_fields(item)}
        self._octets = asked.octets
        self._told_flags = "FLAGS" in plain
        self.needs_headers = bool(self._of_fields)
        self.needs_octets = len(asked.octets) > len(self._of_fields) or "BODY" in plain or "PREVIEW" in plain
        self._described = not set(plain).isdisjoint(_FROM_DESCRIPTION) or "PREVIEW" in plain
        self.newly_seen: dict[int, int] = {}
        self.refusal: tuple[str, str] | None = None

    def lines(self, batch: list[tuple[int, LiveRow]]) -> list[bytes]:
        """A response for each; the mailbox's lock is held. Raises MailboxError."""
        reading, bodies = self._session.box.reading, [row.body for _, row in batch]
        described = reading.described(bodies) if self._described else {}
        fields = {place: reading.header_fields(names, bodies) for place, names in self._of_fields.items()}
        return [self._line(number, row, described.get(row.body), fields) for number, row in batch]

    @property
    def only_flags(self) -> bool:
        """What programs ask for of whole folders: `flag_lines` does it without the detours."""
        return self._plain in (["UID", "FLAGS"], ["FLAGS"]) and not self._octets

    def flag_lines(self, number: int, pairs: list[tuple[int, int]]) -> bytes:
        """Responses for messages in a row, the first of which has sequence number ``number``: (UID, flag set) of each."""
        view, rev2 = self._view, self._session.rev2
        sets = {flagset for _, flagset in pairs}
        out: list[str] = []
        start = 0
        while start < len(pairs):
            recent = not rev2 and view.is_recent(pairs[start][0])
            end = len(pairs) if rev2 else start + view.alike(pairs[start][0], [uid for uid, _ in pairs[start:]])
            names = {each: view.flag_names(each, recent=recent).decode("ascii") for each in sets}
            run = enumerate(pairs[start:end], number + start)
            if "UID" in self._plain:
                out += [f"* {n} FETCH (UID {uid} FLAGS ({names[flagset]}))\r\n" for n, (uid, flagset) in run]
            else:
                out += [f"* {n} FETCH (FLAGS ({names[flagset]}))\r\n" for n, (_, flagset) in run]
            start = end
        return "".join(out).encode("ascii")

    def _line(
        self, number: int, row: LiveRow, described: Described | None, fields: dict[int, dict[int, bytes]]
    ) -> bytes:
        message = _Message(self._session, row)
        out = [_PLAIN[name](self, row, described, message) for name in self._plain]
        if row.uid in self.newly_seen and not self._told_flags:
            out.append(_flags(self, row, described, message))
            if self._session.tells_modseqs and "MODSEQ" not in self._plain:
                out.append(b"MODSEQ (%d)" % row.modseq)
        for place, item in enumerate(self._octets):
            kept = fields[place].get(row.body) if place in fields else None
            written = self._section(item, message) if kept is None else _literal(item.label, kept)
            if written is not None:
                out.append(written)
        return b"* %d FETCH (%b)\r\n" % (number, b" ".join(out))

    def _section(self, item: Octets, message: _Message) -> bytes | None:
        if item.decoded:
            return self._binary(item, message)
        section = item.section
        octets = message.octets
        if section.path or section.text:
            found = octets_of(section, octets, message.root if section.path else None)
            if found is None:
                return item.label + b" NIL"
            octets = found
        if item.start is not None:
            octets = octets[item.start : item.start + item.length]
        return _literal(item.label, octets)

    def _binary(self, item: Octets, message: _Message) -> bytes | None:
        octets = message.octets
        if item.section.path:
            part = part_at(message.root, item.section.path)
            if part is None:
                return item.label + (b" 0" if item.size else b" NIL")
            try:
                octets = decoded(octets[part.body : part.end], part)
            except UnknownEncoding:
                self.refusal = ("a part is in an encoding that this server does not know", "UNKNOWN-CTE")
                return None
        if item.size:
            return b"%b %d" % (item.label, len(octets))
        if item.start is not None:
            octets = octets[item.start : item.start + item.length]
        return b"%b %b{%d}\r\n%b" % (item.label, b"~" if b"\0" in octets else b"", len(octets), octets)

    def date(self, row: LiveRow) -> bytes:
        return format_date_time(writable_date(InternalDate(row.date_utc, row.zone_minutes)))

    def flags(self, row: LiveRow) -> bytes:
        return self._view.flags_of(row.uid, row.flagset, rev2=self._session.rev2)

    def preview(self, row: LiveRow, message: _Message) -> bytes:
        reading = self._session.box.reading
        text = reading.preview(row.body)
        if text is None:
            text = " ".join(searchable(message.octets).text.split())[:PREVIEW_CHARACTERS]
            reading.keep_preview(row.body, text)
        return string(text.encode("utf-8", "replace"))

    def email_id(self, row: LiveRow) -> bytes:
        """Of the content: copies share it (RFC 8474 §5.1)."""
        return self._session.box.reading.sha256(row.body)[:16].hex().encode()


def _literal(label: bytes, octets: bytes) -> bytes:
    return b"%b {%d}\r\n%b" % (label, len(octets), octets)


def _is_of_fields(item: Octets) -> bool:
    """Whether header fields of the message itself are asked for, whole."""
    section = item.section
    return section.text is Text.FIELDS and not section.path and item.start is None


_Plain = Callable[[Writer, LiveRow, Described | None, _Message], bytes]


def _flags(writer: Writer, row: LiveRow, described: Described | None, message: _Message) -> bytes:
    return b"FLAGS (%b)" % writer.flags(row)


_PLAIN: dict[str, _Plain] = {
    "UID": lambda w, row, d, m: b"UID %d" % row.uid,
    "FLAGS": _flags,
    "INTERNALDATE": lambda w, row, d, m: b"INTERNALDATE " + w.date(row),
    "RFC822.SIZE": lambda w, row, d, m: b"RFC822.SIZE %d" % row.octets,
    "ENVELOPE": lambda w, row, d, m: b"ENVELOPE " + (d.envelope if d else b"NIL"),
    "BODYSTRUCTURE": lambda w, row, d, m: b"BODYSTRUCTURE " + (d.structure if d else b"NIL"),
    "BODY": lambda w, row, d, m: b"BODY " + body_structure(m.root, extended=False),
    "MODSEQ": lambda w, row, d, m: b"MODSEQ (%d)" % row.modseq,
    "EMAILID": lambda w, row, d, m: b"EMAILID (M%b)" % w.email_id(row),
    "THREADID": lambda w, row, d, m: b"THREADID NIL",
    "PREVIEW": lambda w, row, d, m: b"PREVIEW " + w.preview(row, m),
}
