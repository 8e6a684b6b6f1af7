"""Which messages of a view meet SEARCH's criteria. RFC 9051 §6.4.4

Keys are applied one after the other to the messages that the earlier ones left, those that need only the message's row first.

# Deviation from RFC 9051 §6.4.4: BODY and TEXT look for words, and for what words begin with, in the index; not for any part of a word. Every
# server with an index does so, and people look for words. TEXT looks at subject, people, text and names of attachments.
"""

from collections.abc import Callable
from datetime import date, timedelta
from email.utils import parsedate_tz
from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveRow
from bascule.mailbox.search import bodies_with, has_words
from bascule.protocols.imap import search as keys
from bascule.protocols.imap.requests import MessageSet
from bascule.protocols.imap.search import Key
from bascule.protocols.mime.fields import fields_of
from bascule.protocols.mime.headers import FIELD_CHARACTERS, decode_field
from bascule.protocols.mime.structure import header_end
from bascule.protocols.mime.text import searchable

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session

Rows = list[LiveRow]
_COLUMNS = {"from": "sender", "to": "recipients", "cc": "recipients", "subject": "subject"}
FEW_OF = 4
"""Where the index knows of fewer than one in so many messages, only those are read."""
_EPOCH = date(1970, 1, 1).toordinal()
_QUICK = (keys.All, keys.HasFlag, keys.Numbered, keys.SavedResult, keys.Sized, keys.Aged, keys.ModifiedSince)


def find(session: "Session", key: Key) -> Rows:
    """Messages of the selected folder, in order. The mailbox's lock is held. Raises MailboxError, IndexError."""
    view = session.selected
    uids = view.uids
    if not uids:
        return []
    finder = _Finder(session)
    bodies = finder.candidates(key)
    if bodies is not None and len(bodies) * FEW_OF < len(uids):
        rows = [row for row in session.box.reading.rows_of(view.folder, bodies) if view.number_of(row.uid)]
    else:
        rows = session.box.reading.rows(view.folder, uids[0], uids[-1], limit=-1)
        if len(rows) != len(uids):
            there = set(uids)
            rows = [row for row in rows if row.uid in there]
    return finder.among(key, rows)


class _Finder:
    def __init__(self, session: "Session") -> None:
        self._session = session
        self._view = session.selected
        self._reading = session.box.reading
        self._found: dict[keys.InText, set[int]] = {}

    def candidates(self, key: Key) -> set[int] | None:
        """Bodies among which all messages that meet ``key`` are, as far as the index knows; None where it is not asked."""
        match key:
            case keys.InText() if has_words(key.text):
                return self._bodies(key)
            case keys.And(parts):
                asked = [part for part in parts if isinstance(part, keys.InText) and has_words(part.text)]
                if not asked:
                    return None
                both = bodies_with(self._session.box.mailbox, *((part.text, part.header) for part in asked))
                # Each is asked next of messages that the others left: those that meet all are enough to tell.
                self._found.update(dict.fromkeys(asked, both))
                return both
        return None

    def _bodies(self, key: keys.InText) -> set[int]:
        if key not in self._found:
            self._found[key] = bodies_with(self._session.box.mailbox, (key.text, key.header))
        return self._found[key]

    def among(self, key: Key, rows: Rows) -> Rows:
        """Those of ``rows`` that meet ``key``."""
        if not rows:
            return rows
        match key:
            case keys.And(parts):
                for part in sorted(parts, key=_cost):
                    rows = self.among(part, rows)
                return rows
            case keys.Or(one, other):
                found = {row.uid for row in self.among(one, rows)} | {row.uid for row in self.among(other, rows)}
                return [row for row in rows if row.uid in found]
            case keys.Not(inner):
                found = {row.uid for row in self.among(inner, rows)}
                return [row for row in rows if row.uid not in found]
            case keys.InText():
                return self._with_text(key, rows)
        test = self._test(key, rows)
        return [row for row in rows if test(row)]

    def _test(self, key: Key, rows: Rows) -> Callable[[LiveRow], bool]:
        match key:
            case keys.HasFlag(name):
                return self._flag(name)
            case keys.Dated(clock, since, before):
                day_of = self._sent_day if clock is keys.Clock.SENT else _arrival_day
                low = since.toordinal() if since else 0
                high = before.toordinal() if before else date.max.toordinal() + 1
                return lambda row: low <= day_of(row) < high
            case keys.Aged(seconds, older):
                border = self._session.now() - seconds
                return (lambda row: row.date_utc <= border) if older else (lambda row: row.date_utc > border)
            case keys.Sized(above, below):
                return lambda row: (above is None or row.octets > above) and (below is None or row.octets < below)
            case keys.Numbered(numbers, uid):
                wanted = set(self._view.uids_of(MessageSet(numbers), uid=uid))
                return lambda row: row.uid in wanted
            case keys.SavedResult():
                saved = set(self._view.saved)
                return lambda row: row.uid in saved
            case keys.ModifiedSince(modseq):
                return lambda row: row.modseq >= modseq
            case keys.Identified(kind, value):
                folded = value.lower()
                return lambda row: kind == "EMAILID" and f"m{self._reading.sha256(row.body)[:16].hex()}" == folded
            case keys.InHeader(name, text):
                return self._header(name, text.casefold(), rows)
        return lambda row: True

    def _flag(self, name: str) -> Callable[[LiveRow], bool]:
        if name == "\\Recent":
            return lambda row: not self._session.rev2 and self._view.is_recent(row.uid)
        folded = name.lower()
        known: dict[int, bool] = {}

        def test(row: LiveRow) -> bool:
            if row.flagset not in known:
                known[row.flagset] = any(flag.lower() == folded for flag in self._reading.flags(row.flagset))
            return known[row.flagset]

        return test

    def _header(self, name: str, text: str, rows: Rows) -> Callable[[LiveRow], bool]:
        """Who is not in what the catalogue holds of the header is not in the header; who may be is looked up."""
        wanted = name.encode("utf-8", "surrogateescape")
        column = _COLUMNS.get(name)
        few = [row.id for row in rows] if len(rows) * FEW_OF < len(self._view.uids) else None
        headers = self._reading.headers(self._view.folder, few) if column else {}

        def test(row: LiveRow) -> bool:
            header = headers.get(row.id)
            if header is not None and column is not None:
                value = str(getattr(header, column))
                if text not in value.casefold() and len(value) < FIELD_CHARACTERS:
                    return False
            octets = self._reading.octets(row.body)
            values = (value for key, value in fields_of(octets[: header_end(octets)]) if key == wanted)
            return any(text in decode_field(value, None).casefold() for value in values)

        return test

    def _sent_day(self, row: LiveRow) -> int:
        """Of the Date field as it is written; the day of arrival without one."""
        octets = self._reading.octets(row.body)
        told = next((value for key, value in fields_of(octets[: header_end(octets)]) if key == b"date"), b"")
        parsed = parsedate_tz(told.decode("latin-1"))
        try:
            return date(*parsed[:3]).toordinal() if parsed else _arrival_day(row)
        except ValueError:
            return _arrival_day(row)

    def _with_text(self, key: keys.InText, rows: Rows) -> Rows:
        if not key.text:
            return rows
        if has_words(key.text):
            bodies = self._bodies(key)
            return [row for row in rows if row.body in bodies]
        wanted = key.text.casefold()
        found = []
        for row in rows:
            words = searchable(self._reading.octets(row.body))
            fields = (words.text, words.attachments, *((words.subject, words.people) if key.header else ()))
            if any(wanted in field.casefold() for field in fields):
                found.append(row)
        return found


def _cost(key: Key) -> int:
    return 0 if isinstance(key, _QUICK) else 2 if isinstance(key, keys.InHeader | keys.And | keys.Or | keys.Not) else 1


def _arrival_day(row: LiveRow) -> int:
    """INTERNALDATE's, in its own zone."""
    return _EPOCH + (row.date_utc + row.zone_minutes * 60) // int(timedelta(days=1).total_seconds())
