"""FETCH responses: one line for each message, of the attributes that were asked for. RFC 9051 §7.5.2

What a mailbox's files hold is read with its lock held (`Writer.read`); what others wrote is looked at without it (`Writer.responses`), so that a message
that takes long is waited for by whoever asked for it alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bascule.mailbox.format import MailboxError
from bascule.mailbox.live import LiveRow
from bascule.mailbox.live.flagging import Flagged
from bascule.mailbox.live.reading import HEADER_OCTETS, Described, describe
from bascule.platform.imap import at_hand
from bascule.platform.imap.flag_lines import Told, flag_lines
from bascule.platform.imap.large import Share
from bascule.platform.imap.limits import LARGE_OCTETS, PIECE_OCTETS
from bascule.protocols.imap.answers import string, without_nul
from bascule.protocols.imap.describe import body_structure
from bascule.protocols.imap.requests.fetch import Fetch, Octets
from bascule.protocols.imap.section import Text, header_fields, octets_of, part_at
from bascule.protocols.mime.decoding import UnknownEncoding, decoded
from bascule.protocols.mime.structure import Part, parse_structure
from bascule.protocols.mime.text import searchable
from bascule.terms.errors import without_advice

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session

PREVIEW_CHARACTERS = 200
"""RFC 8970 §3.2: at most 256, and 200 is what it suggests."""


@dataclass(slots=True)
class Message:
    """What was read of one message. ``octets``, ``header`` (with the first octets of what follows it, perhaps): None where what was asked for takes
    none of them."""

    number: int
    row: LiveRow
    flags: bytes = b""
    octets: bytes | None = None
    header: bytes | None = None
    described: Described | None = None
    preview: str | None = None
    sha256: bytes = b""
    decoded: dict[tuple[int, int], bytes] | None = None
    """Parts by their place: together no more than the message."""
    _root: Part | None = None

    def forget(self) -> None:
        """Once its response is written: its octets are not held for as long as those of others are."""
        self.octets = self.header = self.decoded = self._root = None

    @property
    def whole(self) -> bytes:
        assert self.octets is not None
        return self.octets

    @property
    def root(self) -> Part:
        if self._root is None:
            self._root = parse_structure(self.whole)
        return self._root


class _TooMuch(Exception):
    """Others of this mailbox's large messages are to be taken first."""


class Writer:
    """``newly_seen``: UIDs of messages whose ``\\Seen`` this FETCH has set. ``refusal``: why not all could be given, or None."""

    def __init__(self, session: "Session", asked: Fetch, *, uid: bool) -> None:
        plain = [name for name in asked.plain if not (uid and name == "UID")]
        if uid:
            plain.insert(0, "UID")
        if asked.changed_since is not None and "MODSEQ" not in plain:
            plain.append("MODSEQ")
        self._session = session
        self._view = session.selected
        self._plain = plain
        self._octets = asked.octets
        self._told_flags = "FLAGS" in plain
        self._of_fields = [item.section.names for item in asked.octets if _is_of_fields(item)]
        self._fields: dict[tuple[bytes, ...], dict[int, bytes]] = {}
        self._made_fields: dict[tuple[bytes, ...], dict[int, bytes]] = {names: {} for names in self._of_fields}
        self._needs_octets = len(asked.octets) > len(self._of_fields) or "BODY" in plain
        self._needs_preview = "PREVIEW" in plain
        self._needs_description = not {"ENVELOPE", "BODYSTRUCTURE", "PREVIEW"}.isdisjoint(plain)
        self._described: dict[int, Described] = {}
        self._made: dict[int, Described] = {}
        self._kept_previews: dict[int, str] = {}
        self._previews: dict[int, str] = {}
        self._lacking: set[int] = set()
        self._share = Share(self._view.access.mailbox)
        self._makers = [_PLAIN[name] for name in plain]
        self._is_whole = len(asked.octets) == 1 and _is_whole(asked.octets[0])
        self._template = None if self._needs_octets or self._needs_preview else at_hand.template(plain, asked.octets)
        self.newly_seen: set[int] = set()
        self.refusal: tuple[str, str] | None = None

    # -- with the mailbox's lock --------------------------------------------------------------------------------------

    def look_up(self, batch: list[tuple[int, LiveRow]]) -> None:
        """What is kept of the messages of ``batch``, which comes next."""
        reading, bodies = self._session.box.reading, [row.body for _, row in batch]
        self._described = reading.described(bodies) if self._needs_description else {}
        self._fields = {names: reading.answers.kept(names, bodies) for names in self._of_fields}
        self._lacking = {body for kept in self._fields.values() for body in bodies if body not in kept}
        self._kept_previews = reading.previews(bodies) if self._needs_preview else {}

    def at_hand(self, batch: list[tuple[int, LiveRow]]) -> Iterator[bytes] | None:
        """The responses for ``batch``, made without the lock, where nothing of it is to be read or made; otherwise None."""
        if self._template is None or self._lacking:
            return None
        if self._needs_description and not all(row.body in self._described for _, row in batch):
            return None
        fields = [self._fields[names] for names in self._of_fields]
        values = at_hand.columns(self._plain, batch, self._flags_of, self._described, fields)
        return at_hand.responses(self._template, values)

    def _flags_of(self, rows: Sequence[LiveRow]) -> list[bytes]:
        """What stands between the parentheses of FLAGS, of each."""
        view, rev2 = self._view, self._session.rev2
        if not rev2 and view.recent_count():
            return [view.flags_of(row.uid, row.flagset, rev2=rev2) for row in rows]
        names = {flagset: view.flag_names(flagset, recent=False) for flagset in {row.flagset for row in rows}}
        return [names[row.flagset] for row in rows]

    def pieces(self, batch: list[tuple[int, LiveRow]]) -> list[list[tuple[int, LiveRow]]]:
        """``batch``, which was looked up, in pieces of which `PIECE_OCTETS` are to be read, or one message."""
        pieces: list[list[tuple[int, LiveRow]]] = []
        size = PIECE_OCTETS
        for each in batch:
            if size >= PIECE_OCTETS:
                pieces.append([])
                size = 0
            pieces[-1].append(each)
            if self._must_read(each[1]):
                size += each[1].octets
            elif self._lacks_fields(each[1]):
                size += min(each[1].octets, HEADER_OCTETS)
        return pieces

    def _must_read(self, row: LiveRow) -> bool:
        """Whether the whole message is needed, as far as is known."""
        is_undescribed = self._needs_description and row.body not in self._described
        return self._needs_octets or is_undescribed or (self._needs_preview and row.body not in self._kept_previews)

    def _lacks_fields(self, row: LiveRow) -> bool:
        return row.body in self._lacking

    def read(self, piece: list[tuple[int, LiveRow]]) -> list[Message]:
        """All that `responses` needs. A message that can't be read is left out, and told of when the others were given."""
        reading, found = self._session.box.reading, []
        wholes = reading.many_octets(
            [row.body for _, row in piece if self._must_read(row) and row.octets < LARGE_OCTETS]
        )
        headers = reading.short_headers(
            [row.body for _, row in piece if row.body not in wholes and self._lacks_fields(row)]
        )
        for number, row in piece:
            message = Message(number, row, octets=wholes.get(row.body), header=headers.get(row.body))
            try:
                self._read(message)
                found.append(message)
            except _TooMuch:
                self.refusal = ("too many large messages are being read; take those, then ask for the others", "LIMIT")
            except MailboxError as error:
                self._pass_over(row, error)
        return found

    def _read(self, message: Message) -> None:
        """What was not read at once with others."""
        reading, row = self._session.box.reading, message.row
        if self._told_flags:
            message.flags = self._view.flags_of(row.uid, row.flagset, rev2=self._session.rev2)
        if "EMAILID" in self._plain:
            message.sha256 = reading.sha256(row.body)
        if self._needs_description:
            message.described = self._described.get(row.body)
        if self._needs_preview:
            message.preview = self._kept_previews.get(row.body)
        if message.octets is None and self._must_read(row):
            self._read_whole(message)
        elif message.octets is None and message.header is None and self._lacks_fields(row):
            message.header = reading.short_header(row.body)
            if message.header is None:
                self._read_whole(message)

    def note_seen(self, messages: list[Message], done: Flagged) -> None:
        r"""Of ``messages``, which were read, ``done`` has marked some as ``\Seen``: each is told with its flags, whatever else of it can be told."""
        flagsets = dict(done.changed)
        for message in messages:
            row = message.row
            if row.uid in flagsets:
                message.row = row._replace(flagset=flagsets[row.uid], modseq=done.modseq)
                message.flags = self._view.flags_of(row.uid, flagsets[row.uid], rev2=self._session.rev2)
                self.newly_seen.add(row.uid)

    def _read_whole(self, message: Message) -> None:
        if not self._share.take(message.row.octets):
            raise _TooMuch
        message.octets = self._session.box.reading.octets(message.row.body)

    def release(self) -> None:
        """What was read is written, or never will be."""
        self._share.release()

    @property
    def has_made(self) -> bool:
        return bool(self._made or self._previews or any(self._made_fields.values()))

    def keep_made(self) -> None:
        """What `responses` computed, for who asks next."""
        reading = self._session.box.reading
        if self._made:
            reading.keep_descriptions(self._made)
        if self._previews:
            reading.keep_previews(self._previews)
        self._made, self._previews = {}, {}
        for names, made in self._made_fields.items():
            reading.answers.keep(names, made)
            made.clear()

    def _pass_over(self, row: LiveRow, error: Exception) -> None:
        """RFC 5530 §3, CORRUPTION. A bug of ours is logged with its traceback."""
        self.refusal = (f"the message of UID {row.uid} can't be read; an administrator is told", "CORRUPTION")
        account = self._view.access.owner.login
        bug = None if isinstance(error, MailboxError) else error
        self._session.services.log(
            "message-unreadable", account=account, uid=row.uid, error=without_advice(error), exc_info=bug
        )

    # -- without it ---------------------------------------------------------------------------------------------------

    def responses(self, messages: list[Message]) -> Iterator[bytes]:
        """In pieces of about `PIECE_OCTETS`: of a large message no second copy is held. One at which we fail is left out, and told of when the others
        were given."""
        held: list[bytes] = []
        size = 0
        for message in messages:
            for piece in self._usual(message) or self._response(message):
                held.append(piece)
                size += len(piece)
                if size >= PIECE_OCTETS:
                    yield b"".join(held)
                    held, size = [], 0
            message.forget()
        yield b"".join(held)

    @property
    def only_flags(self) -> bool:
        """What programs ask for of whole folders: `flag_lines` does it without the detours."""
        return self._plain in (["UID", "FLAGS"], ["FLAGS"]) and not self._octets

    def flag_lines(self, number: int, rows: list[Told]) -> bytes:
        """Responses for messages in a row, the first of which has sequence number ``number``."""
        numbers = range(number, number + len(rows))
        return flag_lines(self._view, numbers, rows, rev2=self._session.rev2, uids="UID" in self._plain)

    def _usual(self, message: Message) -> tuple[bytes, ...]:
        """A whole message, and what is at hand, without the detours. Empty: `_response` makes it."""
        octets = message.octets
        if not self._is_whole or octets is None or len(octets) > PIECE_OCTETS:
            return ()
        if message.row.uid in self.newly_seen or self._must_make(message):
            return ()
        plain = b" ".join([make(self, message) for make in self._makers])
        start = b"* %d FETCH (%b %b {%d}\r\n" if plain else b"* %d FETCH (%b%b {%d}\r\n"
        head = start % (message.number, plain, self._octets[0].label, len(octets))
        return head, without_nul(octets), b")\r\n"

    def _must_make(self, message: Message) -> bool:
        return self._needs_preview or "BODY" in self._plain or (self._needs_description and message.described is None)

    def _response(self, message: Message) -> Iterator[bytes]:
        """In one piece, where it is small."""
        try:
            plain = self._plain_values(message)
        except Exception as error:  # noqa: BLE001 - a bug of ours, which one message meets: the others are given all the same
            self._pass_over(message.row, error)
            if message.row.uid in self.newly_seen:
                uid = b"UID %d " % message.row.uid if "UID" in self._plain else b""
                yield b"* %d FETCH (%b%b)\r\n" % (message.number, uid, b" ".join(self._newly_seen(message)))
            return
        held = [b"* %d FETCH (%b" % (message.number, b" ".join(plain))]
        size = 0
        between = b" " if plain else b""
        for item in self._octets:
            try:
                head, octets = self._value(item, message)
            except UnknownEncoding:
                self.refusal = ("a part is in an encoding that this server does not know", "UNKNOWN-CTE")
                continue
            except Exception as error:  # noqa: BLE001 - as above; what was begun is ended
                self._pass_over(message.row, error)
                head, octets = b" NIL", b""
            held.append(between + item.label + head)
            between = b" "
            size += len(octets)
            if size < PIECE_OCTETS:
                held.append(octets if item.decoded else without_nul(octets))
                continue
            yield b"".join(held)
            held, size = [], 0
            for start in range(0, len(octets), PIECE_OCTETS):
                piece = octets[start : start + PIECE_OCTETS]
                yield piece if item.decoded else without_nul(piece)
        held.append(b")\r\n")
        yield b"".join(held)

    def _plain_values(self, message: Message) -> list[bytes]:
        row = message.row
        if self._needs_description and message.described is None:
            message.described = self._made[row.body] = describe(message.whole)
        out = [_PLAIN[name](self, message) for name in self._plain]
        if row.uid in self.newly_seen:
            out += [each for each in self._newly_seen(message) if each not in out]
        return out

    def _newly_seen(self, message: Message) -> list[bytes]:
        modseqs = [b"MODSEQ (%d)" % message.row.modseq] if self._session.tells_modseqs else []  # RFC 7162 §3.2
        return [_flags(self, message), *modseqs]

    def _value(self, item: Octets, message: Message) -> tuple[bytes, bytes]:
        """What follows the item's label, and the octets of its literal. Raises UnknownEncoding."""
        found = self._decoded(item, message) if item.decoded else self._section(item, message)
        if item.size:
            return b" %d" % len(found or b""), b""
        if found is None:
            return b" NIL", b""
        if item.start is not None:
            found = found[item.start : item.start + item.length]
        is_binary = item.decoded and b"\0" in found
        return b" %b{%d}\r\n" % (b"~" if is_binary else b"", len(found)), found

    def _section(self, item: Octets, message: Message) -> bytes | None:
        section = item.section
        if _is_of_fields(item):
            return self._header_fields(section.names, message)
        if not section.path and not section.text:
            return message.whole
        return octets_of(section, message.whole, message.root if section.path else None)

    def _header_fields(self, names: tuple[bytes, ...], message: Message) -> bytes:
        body = message.row.body
        kept = self._fields[names].get(body)
        if kept is None:
            header = message.whole if message.header is None else message.header
            kept = self._made_fields[names][body] = header_fields(names, header)
        return kept

    def _decoded(self, item: Octets, message: Message) -> bytes | None:
        if not item.section.path:
            return message.whole
        part = part_at(message.root, item.section.path)
        if part is None or part.is_multipart or part.is_message:
            return None if part is None else message.whole[part.body : part.end]
        place = part.body, part.end
        if message.decoded is None:
            message.decoded = {}
        if place not in message.decoded:  # a program may ask for each of its octets
            message.decoded[place] = decoded(message.whole[part.body : part.end], part)
        return message.decoded[place]

    def preview(self, message: Message) -> bytes:
        text = message.preview
        if text is None:
            text = " ".join(searchable(message.whole).text.split())[:PREVIEW_CHARACTERS]
            self._previews[message.row.body] = text
        return string(text.encode("utf-8", "replace"))


def _is_of_fields(item: Octets) -> bool:
    """Whether header fields of the message itself are asked for."""
    return item.section.text is Text.FIELDS and not item.section.path


def _is_whole(item: Octets) -> bool:
    """Whether the whole message is asked for, as it is."""
    is_part = item.section.path or item.section.text or item.start is not None
    return not (is_part or item.decoded or item.size)


_Plain = Callable[[Writer, Message], bytes]


def _flags(writer: Writer, message: Message) -> bytes:
    return b"FLAGS (%b)" % message.flags


_PLAIN: dict[str, _Plain] = {
    "UID": lambda w, m: b"UID %d" % m.row.uid,
    "FLAGS": _flags,
    "INTERNALDATE": lambda w, m: b"INTERNALDATE " + at_hand.internal_date(m.row),
    "RFC822.SIZE": lambda w, m: b"RFC822.SIZE %d" % m.row.octets,
    "ENVELOPE": lambda w, m: b"ENVELOPE " + (m.described.envelope if m.described else b"NIL"),
    "BODYSTRUCTURE": lambda w, m: b"BODYSTRUCTURE " + (m.described.structure if m.described else b"NIL"),
    "BODY": lambda w, m: b"BODY " + body_structure(m.root, extended=False),
    "MODSEQ": lambda w, m: b"MODSEQ (%d)" % m.row.modseq,
    "EMAILID": lambda w, m: b"EMAILID (M%b)" % m.sha256[:16].hex().encode(),  # copies share it (RFC 8474 §5.1)
    "THREADID": lambda w, m: b"THREADID NIL",
    "PREVIEW": lambda w, m: b"PREVIEW " + w.preview(m),
}
