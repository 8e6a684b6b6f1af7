"""Which messages of a view meet SEARCH's criteria. RFC 9051 §6.4.4

Keys are applied one after the other to the messages that the earlier ones left, those that need only the message's row first. Strings are parts of
the text that they are looked for in (`bascule.protocols.mime.compared`: without case and accents): `bascule.mailbox.texts` narrows, and the text
decides. The mailbox's lock is held while its files are read, and not while what others wrote is looked at.
"""

import contextlib
import math
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from email.utils import parsedate_tz
from typing import TYPE_CHECKING

from bascule.mailbox import texts
from bascule.mailbox.live import LiveRow
from bascule.platform.imap.limits import (
    SEARCH_SECONDS,
    SEARCH_TURN_SECONDS,
    SEARCHED_AT_ONCE,
    SEARCHES_AT_ONCE,
    SEARCHES_THAT_WAIT,
)
from bascule.platform.imap.replies import No
from bascule.platform.mailboxes import OpenMailbox
from bascule.protocols.imap import search as keys
from bascule.protocols.imap.requests import MessageSet
from bascule.protocols.imap.search import Key
from bascule.protocols.mime.compared import ADDRESS_FIELDS, first_mailbox_label, fold, holds
from bascule.protocols.mime.headers import FIELD_CHARACTERS
from bascule.terms.errors import without_advice

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session

Rows = list[LiveRow]
_COLUMNS = {"from": "sender", "subject": "subject"}
"""Fields that the catalogue holds as they stand alone."""
_OTHERWISE = re.compile(r'[("\\]|[\s.@][.@]|[.@]\s')
"""In an address field: what may be written otherwise in the address that is meant."""
FEW_OF = 4
"""Where the index knows of fewer than one in so many messages, only those are read."""
_BUSY = "other searches of this mailbox are still running; ask again when they are done"
_turns = threading.Condition()
_searching: "weakref.WeakKeyDictionary[OpenMailbox, _Searches]" = weakref.WeakKeyDictionary()
_EPOCH = date(1970, 1, 1).toordinal()
_QUICK = (keys.All, keys.HasFlag, keys.Numbered, keys.SavedResult, keys.Sized, keys.Aged, keys.ModifiedSince)


def find(session: "Session", key: Key) -> Rows:
    """Messages of the selected folder, in order. Takes the mailbox's lock, which is best not held by the caller. Raises MailboxError, No."""
    finder = _Finder(session)
    with session.lock:
        if not session.selected.uids:
            return []
    if not _needs_texts(key):
        return finder.among(key, finder.candidates(key))
    with _turn(session):
        finder.bring_up_to_date()
        return finder.among(key, finder.candidates(key))


@dataclass(slots=True)
class _Searches:
    """Of one mailbox, in this process."""

    running: int = 0
    waiting: int = 0


@contextlib.contextmanager
def _turn(session: "Session") -> Iterator[None]:
    """While no more than `SEARCHES_AT_ONCE` look through the mailbox. Raises No where that takes longer than `SEARCH_TURN_SECONDS`, where
    `SEARCHES_THAT_WAIT` do so already, or where nobody waits for it any more."""
    mailbox = session.selected.access.mailbox
    with _turns:
        searches = _searching.setdefault(mailbox, _Searches())
        if searches.running >= SEARCHES_AT_ONCE and searches.waiting >= SEARCHES_THAT_WAIT:
            raise No(_BUSY, "LIMIT")
        searches.waiting += 1
        try:
            until = time.monotonic() + SEARCH_TURN_SECONDS
            while searches.running >= SEARCHES_AT_ONCE:
                if time.monotonic() > until:
                    raise No(_BUSY, "LIMIT")
                _turns.wait(1.0)
                if session.connection.is_gone():
                    raise No("nobody waits for this", "UNAVAILABLE")
            searches.running += 1
        finally:
            searches.waiting -= 1
    try:
        yield
    finally:
        with _turns:
            searches.running -= 1
            _turns.notify_all()


def first_mailboxes(session: "Session", rows: Rows, field: str) -> dict[int, str]:
    """Body → the local part of the first address in ``field`` (RFC 5256 §3), where there is one. The lock as for `find`."""
    finder = _Finder(session)
    finder.bring_up_to_date()
    start = first_mailbox_label(field)
    told: dict[int, str] = {}
    for body, packed in finder.headers(rows):
        _, addresses = texts.fields_and_addresses(packed)
        line = next((line for line in addresses.split("\n") if line.startswith(start)), start)
        told[body] = line.removeprefix(start)
    return told


class _Finder:
    def __init__(self, session: "Session") -> None:
        self._session = session
        self._view = session.selected
        self._reading = session.box.reading
        self._mailbox = session.box.mailbox
        self._narrowed: dict[str, set[int] | None] = {}
        self._deadline = math.inf

    def bring_up_to_date(self) -> None:
        """What arrived since somebody last searched, or housekeeping looked."""
        while True:
            self._go_on()
            with self._session.lock:
                group = texts.pending(self._mailbox)
            if not group:
                self._deadline = time.monotonic() + SEARCH_SECONDS
                return
            known = texts.compare(group, self._note_failed)
            with self._session.lock:
                texts.keep(self._mailbox, known)

    def _note_failed(self, body: int, error: Exception) -> None:
        """A bug of ours: the message is not found by what it says."""
        account = self._session.selected.access.owner.login
        log = self._session.services.log
        log("message-unreadable", account=account, body=body, error=without_advice(error), exc_info=error)

    def candidates(self, key: Key) -> Rows:
        """Messages among which all are that meet ``key``, as far as the index knows."""
        view = self._view
        with self._session.lock:
            uids = view.uids
            bodies = self._bodies(key)
            if bodies is not None and len(bodies) * FEW_OF < len(uids):
                return [row for row in self._reading.rows_of(view.folder, bodies) if view.number_of(row.uid)]
            rows = self._reading.rows(view.folder, uids[0], uids[-1], limit=-1)
        if len(rows) == len(uids):
            return rows
        there = set(uids)
        return [row for row in rows if row.uid in there]

    def _bodies(self, key: Key) -> set[int] | None:
        """Those that may have what ``key`` looks for; None: any may. The mailbox's lock is held."""
        match key:
            case keys.InText(text) | keys.InHeader(_, text):
                return self._with(fold(text))
            case keys.And(parts):
                known = [bodies for part in parts if (bodies := self._bodies(part)) is not None]
                return set.intersection(*known) if known else None
            case keys.Or(one, other):
                first, second = self._bodies(one), self._bodies(other)
                return first | second if first is not None and second is not None else None
        return None

    def _with(self, text: str) -> set[int] | None:
        if text not in self._narrowed:
            self._narrowed[text] = texts.narrowed(self._mailbox, text)
        return self._narrowed[text]

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
            case keys.InText(text, header):
                return self._with_text(fold(text), header, rows)
            case keys.InHeader(name, text):
                return self._with_field(name, fold(text), rows)
            case keys.Dated(keys.Clock.SENT):
                return self._sent(key, rows)
        with self._session.lock:
            test = self._test(key)
            return [row for row in rows if test(row)]

    def _test(self, key: Key) -> Callable[[LiveRow], bool]:
        match key:
            case keys.HasFlag(name):
                return self._flag(name)
            case keys.Dated():
                return lambda row: _is_within(key, _arrival_day(row))
            case keys.Aged(seconds, older):
                border = self._session.now() - seconds
                return (lambda row: row.date_utc <= border) if older else (lambda row: row.date_utc > border)
            case keys.Sized(above, below):
                return lambda row: (above is None or row.octets > above) and (below is None or row.octets < below)
            case keys.Numbered(numbers, uid):
                wanted = set(self._view.uids_of(MessageSet(numbers), uid=uid, there_only=True))
                return lambda row: row.uid in wanted
            case keys.SavedResult():
                saved = set(self._view.saved)
                return lambda row: row.uid in saved
            case keys.ModifiedSince(modseq):
                return lambda row: row.modseq >= modseq
            case keys.Identified(kind, value):
                folded = value.lower()
                return lambda row: kind == "EMAILID" and f"m{self._reading.sha256(row.body)[:16].hex()}" == folded
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

    # -- what the text decides ----------------------------------------------------------------------------------------

    def _with_text(self, text: str, header: bool, rows: Rows) -> Rows:
        if not text:
            return rows
        found: set[int] = set()
        for body, fields, rest in self._wholes(self._narrow(text, rows)):
            inner, words = texts.inner_and_body(rest)
            if holds(words, text) or (
                header and (holds(inner, text) or holds(texts.fields_and_addresses(fields)[0], text))
            ):
                found.add(body)
        return [row for row in rows if row.body in found]

    def _with_field(self, name: str, text: str, rows: Rows) -> Rows:
        """Of From and Subject the catalogue knows most of what it takes; where it does not, and for all others, the header decides."""
        known, open_rows = self._by_summary(name, text, rows) if text else (set[int](), rows)
        is_there = _field_test(name, text)
        for body, packed in self.headers(self._narrow(text, open_rows)):
            if is_there(*texts.fields_and_addresses(packed)):
                known.add(body)
        return [row for row in rows if row.body in known]

    def _by_summary(self, name: str, text: str, rows: Rows) -> tuple[set[int], Rows]:
        """(Bodies that have ``text`` in the field, the rows of which it is not known.)"""
        column = _COLUMNS.get(name)
        if column is None:
            return set(), rows
        few = [row.id for row in rows] if len(rows) * FEW_OF < len(self._view.uids) else None
        with self._session.lock:
            values = self._reading.header_values(self._view.folder, column, few)
            repeating = texts.repeating(self._mailbox)
        told: dict[str, bool | None] = {"": False}
        found: set[int] = set()
        left: Rows = []
        for row in rows:
            written = values.get(row.id, "")
            if written not in told:  # a few people write most of a folder
                told[written] = _told_by_summary(name, fold(written), text)
            verdict = told[written]
            if verdict:
                found.add(row.body)
            elif verdict is None or row.body in repeating:
                left.append(row)
        return found, left

    def _sent(self, key: keys.Dated, rows: Rows) -> Rows:
        """The Date field's day as it is written (RFC 9051 §6.4.4: without its zone), or the day of arrival without one. Where the instant is days
        away from what is asked for, the zone does not matter."""
        few = [row.id for row in rows] if len(rows) * FEW_OF < len(self._view.uids) else None
        with self._session.lock:
            headers = self._reading.headers(self._view.folder, few)
        found: set[int] = set()
        left: Rows = []
        for row in rows:
            header = headers.get(row.id)
            day = None if header is None or header.date_utc is None else _EPOCH + header.date_utc // _DAY_SECONDS
            if day is None or _may_be_either(key, day):
                left.append(row)
            elif _is_within(key, day):
                found.add(row.uid)
        told = {body: _written_day(texts.fields_and_addresses(packed)[0]) for body, packed in self.headers(left)}
        found.update(row.uid for row in left if _is_within(key, told.get(row.body) or _arrival_day(row)))
        return [row for row in rows if row.uid in found]

    def _narrow(self, text: str, rows: Rows) -> Rows:
        with self._session.lock:
            bodies = self._with(text)
        return rows if bodies is None else [row for row in rows if row.body in bodies]

    def headers(self, rows: Rows) -> Iterator[tuple[int, bytes]]:
        for bodies in self._groups(rows):
            with self._session.lock:
                found = texts.headers(self._mailbox, bodies)
            yield from found

    def _wholes(self, rows: Rows) -> Iterator[tuple[int, bytes, bytes]]:
        for bodies in self._groups(rows):
            with self._session.lock:
                found = texts.wholes(self._mailbox, bodies)
            yield from found

    def _groups(self, rows: Rows) -> Iterator[list[int]]:
        """Their bodies, some at a time. Raises No as `_go_on`."""
        bodies = list(dict.fromkeys(row.body for row in rows))
        for start in range(0, len(bodies), SEARCHED_AT_ONCE):
            self._go_on()
            yield bodies[start : start + SEARCHED_AT_ONCE]

    def _go_on(self) -> None:
        """Raises No where the search takes too long, or nobody waits for it any more."""
        if time.monotonic() > self._deadline:
            raise No("that search takes too long; look for less, or among fewer messages", "LIMIT")
        if self._session.connection.is_gone():
            raise No("nobody waits for this", "UNAVAILABLE")


_DAY_SECONDS = int(timedelta(days=1).total_seconds())


def _told_by_summary(name: str, value: str, text: str) -> bool | None:
    """Whether the field holds ``text``, of what the catalogue has of it (folded); None: that does not tell."""
    if holds(value, text):
        return True
    is_open = len(value) >= FIELD_CHARACTERS // 2 or (name == "from" and _OTHERWISE.search(value))
    return None if is_open else False


def _field_test(name: str, text: str) -> Callable[[str, str], bool]:
    """Of (fields, addresses): whether the field ``name`` holds ``text``, as it is written or as the address that is meant."""
    start = f"{name}: "
    is_address = name.encode("utf-8", "replace") in ADDRESS_FIELDS

    def test(fields: str, addresses: str) -> bool:
        lines = [*fields.split("\n"), *(addresses.split("\n") if is_address else ())]
        return any(line.startswith(start) and holds(line[len(start) :], text) for line in lines)

    return test


def _written_day(fields: str) -> int | None:
    told = next((line for line in fields.split("\n") if line.startswith("date: ")), "")
    parsed = parsedate_tz(told.removeprefix("date: "))
    try:
        return date(*parsed[:3]).toordinal() if parsed else None
    except ValueError:
        return None


def _needs_texts(key: Key) -> bool:
    match key:
        case keys.And(parts):
            return any(map(_needs_texts, parts))
        case keys.Or(one, other):
            return _needs_texts(one) or _needs_texts(other)
        case keys.Not(inner):
            return _needs_texts(inner)
        case keys.Dated(clock):
            return clock is keys.Clock.SENT
    return isinstance(key, keys.InText | keys.InHeader)


def _cost(key: Key) -> int:
    if isinstance(key, _QUICK):
        return 0
    return 2 if isinstance(key, keys.InText | keys.And | keys.Or | keys.Not) else 1


def _is_within(key: keys.Dated, day: int) -> bool:
    return (key.since is None or key.since.toordinal() <= day) and (key.before is None or day < key.before.toordinal())


def _may_be_either(key: keys.Dated, day: int) -> bool:
    """Whether a border is so near that it depends on the zone on which side of it an instant of that day (UTC) is: a zone is written with four digits, and none is five days."""
    return any(border is not None and abs(border.toordinal() - day) <= 5 for border in (key.since, key.before))


def _arrival_day(row: LiveRow) -> int:
    """INTERNALDATE's, in its own zone."""
    return _EPOCH + (row.date_utc + row.zone_minutes * 60) // _DAY_SECONDS
