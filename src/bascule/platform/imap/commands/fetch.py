"""FETCH: RFC 9051 §6.4.5; CHANGEDSINCE and VANISHED, RFC 7162 §3.1.4, §3.2.6"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveRow
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.select import vanished_since
from bascule.platform.imap.fetching import Message, Writer
from bascule.platform.imap.replies import Done, No
from bascule.protocols.imap.requests import Arguments, BadRequest, Request
from bascule.protocols.imap.requests.fetch import Fetch, parse_fetch
from bascule.protocols.imap.sequence import MAX_NUMBER, Range, format_ranges, resolve
from bascule.terms.flags import Flags

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session

ROWS = 1000
"""Read at once, between two of which other sessions on the mailbox have their turn."""
FLAG_ROWS = 5000
KEPT_AT_ONCE = 8
"""Pieces of which what was made is written in one transaction."""


def run(session: "Session", request: Request) -> Answer:
    asked = parse_fetch(Arguments(request))
    if asked.changed_since is not None or "MODSEQ" in asked.plain:
        yield from session.enable_condstore()
    if asked.vanished:
        if not request.uid or "QRESYNC" not in session.enabled:  # RFC 7162 §3.2.6
            raise BadRequest("VANISHED is for UID FETCH, after ENABLE QRESYNC")
        yield from _vanished(session, asked)
    places = session.places_of(asked.messages, uid=request.uid)
    writer = Writer(session, asked, uid=request.uid)
    if writer.only_flags and asked.changed_since is None:
        places = yield from _flags(session, writer, places)
    for batch in _batches(session, places, asked.changed_since):
        yield from _write(session, writer, asked, batch)
    if writer.refusal:
        raise No(*writer.refusal)
    return Done("FETCH completed")


def _vanished(session: "Session", asked: Fetch) -> Iterator[bytes]:
    view = session.selected
    ranges, since = resolve(asked.messages.ranges or (), MAX_NUMBER), asked.changed_since or 0
    with session.lock:
        folder = session.box.folders.get(view.folder)
        if folder is None:
            return
        changes = session.box.reading.changes(view.folder, since)
        view.read_uids()
    gone = vanished_since(view, folder, ranges, since, changes)
    if gone:
        yield b"* VANISHED (EARLIER) " + format_ranges(gone) + b"\r\n"


def _flags(session: "Session", writer: Writer, places: list[Range]) -> Generator[bytes, None, list[Range]]:
    """The flags of messages in a row, as long as the mailbox holds just those that this session knows of; the places that are left."""
    view = session.selected
    uids = view.uids
    for number, (first, last) in enumerate(places):
        while first <= last:
            end = min(first + FLAG_ROWS - 1, last)
            with session.lock:
                pairs = session.box.reading.flagsets(view.folder, uids[first], uids[end], limit=FLAG_ROWS + 1)
                if len(pairs) != end - first + 1:
                    return [(first, last), *places[number + 1 :]]
                lines = writer.flag_lines(first + 1, pairs)
                news = view.keyword_news()
            yield news + lines
            first = end + 1
    return []


def _batches(session: "Session", places: list[Range], changed_since: int | None) -> Iterator[list[tuple[int, LiveRow]]]:
    """(Sequence number, row) of the messages at these places, some at a time."""
    view = session.selected
    uids = view.uids
    for first, last in places:
        place, low, high = first, uids[first], uids[last]
        while low <= high:
            with session.lock:
                rows = session.box.reading.rows(view.folder, low, high, limit=ROWS, modseq_above=changed_since)
            batch = []
            for row in rows:
                while place < last and uids[place] < row.uid:
                    place += 1
                if uids[place] == row.uid:
                    batch.append((place + 1, row))
            yield batch
            if len(rows) < ROWS:
                break
            low = rows[-1].uid + 1


def _write(session: "Session", writer: Writer, asked: Fetch, batch: list[tuple[int, LiveRow]]) -> Iterator[bytes]:
    """The mailbox's lock is held while its files are read and written, and not while what others wrote is looked at."""
    view = session.selected
    marks_seen = asked.marks_seen and not view.read_only and "s" in view.rights
    with session.lock:
        writer.look_up(batch)
        lines = None if marks_seen else writer.at_hand(batch)
        if lines is None:
            pieces = writer.pieces(batch)
        else:
            news = view.keyword_news()
    if lines is not None:
        yield news
        yield from lines
        return
    for number, piece in enumerate(pieces, 1):
        try:
            with session.lock:
                read = writer.read(piece)
                if marks_seen:
                    _mark_seen(session, writer, read)
                news = view.keyword_news()
            yield news
            yield from writer.responses(read)
        finally:
            writer.release()
        if writer.has_made and (number % KEPT_AT_ONCE == 0 or number == len(pieces)):
            with session.lock:
                writer.keep_made()


def _mark_seen(session: "Session", writer: Writer, messages: list[Message]) -> None:
    r"""Set ``\Seen`` on those of these, which were read, that have it not; their new flags are told with what was asked for."""
    view, box = session.selected, session.box
    unseen = [each.row.uid for each in messages if "\\Seen" not in box.reading.flags(each.row.flagset)]
    if not unseen:
        return
    view.look()
    done = box.messages.set_flags(view.folder, unseen, _with_seen)
    writer.note_seen(messages, done)
    view.answer(done)
    session.changed(view.access)


def _with_seen(flags: Flags) -> Flags:
    return flags | {"\\Seen"}
