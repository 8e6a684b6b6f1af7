"""Which messages of a view meet SEARCH's criteria. RFC 9051 §6.4.4

Keys are applied one after the other to the messages that the earlier ones left, those that need only the message's row first. Strings are parts of
the text that they are looked for in (`bascule.protocols.mime.compared`: without case and accents): `bascule.mailbox.texts` narrows, and the text
decides. The mailbox's lock is held while its files are read, some messages at a time, and not while what others wrote is looked at.

All of it is done in steps (`Steps`): between two groups of messages others may have the thread, and it is looked whether anybody still waits for the
answer, and whether it takes too long.
"""

import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import date, timedelta
from email.utils import parsedate_tz
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bascule.mailbox import texts
from bascule.mailbox.live import LiveRow
from bascule.platform.imap.limits import (
    COMPARED_AT_ONCE,
    QUICK_SEARCH_SECONDS,
    SEARCH_SECONDS,
    SEARCHED_AT_ONCE,
    TEXTS_SECONDS,
)
from bascule.platform.imap.replies import No
from bascule.platform.imap.search_turns import GONE, Turn
from bascule.protocols.imap import search as keys
from bascule.protocols.imap.requests import MessageSet
from bascule.protocols.imap.search import Key
from bascule.protocols.mime.compared import ADDRESS_FIELDS, first_mailbox_label, fold, holds
from bascule.protocols.mime.headers import FIELD_CHARACTERS, HeaderSummary
from bascule.terms.errors import without_advice

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session

_T = TypeVar("_T")
Rows = list[LiveRow]
Steps = Generator[bytes, None, _T]
"""Yields no octets, wherever it may be interrupted; no lock is held then."""
_COLUMNS = {"from": "sender", "subject": "subject"}
"""Fields that the catalogue holds as they stand alone."""
_OTHERWISE = re.compile(r'[("\\]|[\s.@][.@]|[.@]\s')
"""In an address field: what may be written otherwise in the address that is meant."""
FEW_OF = 4
"""Where the index knows of fewer than one in so many messages, only those are read."""
FEW = 50
"""So many texts are looked through in less time than it takes to ask the index for a string that most messages hold."""
_EMAIL_ID = re.compile(r"m([0-9a-f]{32})", re.IGNORECASE | re.ASCII)
"""As FETCH gives it: the first half of the SHA-256."""
_UID = attrgetter("uid")
_EPOCH = date(1970, 1, 1).toordinal()
_QUICK = (keys.All, keys.HasFlag, keys.Numbered, keys.SavedResult, keys.Sized, keys.Aged, keys.ModifiedSince)


def in_groups(items: Sequence[_T], most: int | None = None) -> Iterator[Sequence[_T]]:
    """Of `COMPARED_AT_ONCE`, or of ``most``."""
    most = most or COMPARED_AT_ONCE
    for start in range(0, len(items), most):
        yield items[start : start + most]


class Searching:
    """One SEARCH, SORT or THREAD in the selected folder. Use as a context manager, for as long as its rows are held; the mailbox's lock is not to be held
    by who calls. Each of its steps raises MailboxError, and No where it takes longer than `SEARCH_SECONDS`, where too many do the same, or where nobody waits
    for it any more."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._view = session.selected
        self._reading = session.box.reading
        self._mailbox = session.box.mailbox
        self._turn = Turn(session)
        self._needs_turn = False
        self._narrowed: dict[str, set[int] | None] = {}
        self._columns: dict[str, dict[int, Any]] = {}
        self._repeating: set[int] | None = None
        self._worked = 0.0
        self._went_on = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turn.give_back()

    def go_on(self) -> Steps[None]:
        """To be run between two groups of messages."""
        self._worked += time.monotonic() - self._went_on
        if self._worked > SEARCH_SECONDS:
            raise No("that search takes too long; look for less, or among fewer messages", "LIMIT")
        if self._session.connection.is_gone():
            raise No(GONE, "UNAVAILABLE")
        self._needs_turn = self._needs_turn or self._worked > QUICK_SEARCH_SECONDS
        if self._needs_turn and not self._turn.is_taken:
            yield from self._turn.take()
        elif self._needs_turn:
            yield b""
        self._went_on = time.monotonic()

    def find(self, key: Key) -> Steps[Rows]:
        """Messages of the selected folder that meet ``key``, in order."""
        with self._session.lock:
            if not self._view.uids:
                return []
        if _needs_texts(key):
            yield from self._bring_up_to_date()
        rows = yield from self._candidates(key)
        return (yield from self._among(key, rows))

    def first_mailboxes(self, rows: Rows, field: str) -> Steps[dict[int, str]]:
        """Body → the local part of the first address in ``field`` (RFC 5256 §3), where there is one."""
        yield from self._bring_up_to_date()
        start = first_mailbox_label(field)
        told: dict[int, str] = {}
        for bodies in _bodies_of(rows):
            yield from self.go_on()
            for body, packed in self._headers(bodies):
                _, addresses = texts.fields_and_addresses(packed)
                line = next((line for line in addresses.split("\n") if line.startswith(start)), start)
                told[body] = line.removeprefix(start)
        return told

    def summaries(self, rows: Rows) -> Steps[dict[int, HeaderSummary]]:
        """Row id → what the catalogue has of the header, where it has it."""
        found: dict[int, HeaderSummary] = {}
        for group in in_groups(rows):
            yield from self.go_on()
            with self._session.lock:
                found |= self._reading.headers(self._view.folder, [row.id for row in group])
        return found

    def _bring_up_to_date(self) -> Steps[None]:
        """What arrived since somebody last searched, or housekeeping looked: as long as it takes. Who looks into texts has a turn."""
        self._needs_turn = True
        while True:
            yield from self.go_on()
            with self._session.lock:
                group = texts.pending(self._mailbox)
            if not group:
                return
            yield from self._keep(texts.compare(group, self._note_failed))

    def _keep(self, known: list[texts.Known]) -> Steps[None]:
        """Where another process writes, asked again in a while, without the lock and without a thread. Raises No where that takes too long, or as
        `go_on`."""
        until = time.monotonic() + TEXTS_SECONDS
        while True:
            with self._session.lock:
                is_kept = texts.keep(self._mailbox, known)
            self._went_on = time.monotonic()
            if is_kept:
                return
            if self._went_on > until:
                raise No("this mailbox is being indexed; ask again in a while", "INUSE")
            self._session.connection.rests = True
            yield b""
            yield from self.go_on()

    def _note_failed(self, body: int, error: Exception) -> None:
        """A bug of ours: the message is not found by what it says."""
        account = self._session.selected.access.owner.login
        log = self._session.services.log
        log("message-unreadable", account=account, body=body, error=without_advice(error), exc_info=error)

    def _candidates(self, key: Key) -> Steps[Rows]:
        """Messages among which all are that meet ``key``, as far as the index knows."""
        view = self._view
        bodies = yield from self._bodies(key)
        with self._session.lock:
            uids = view.uids
        rows: Rows = []
        if bodies is not None and len(bodies) * FEW_OF < len(uids):
            for group in in_groups(list(bodies)):
                yield from self.go_on()
                with self._session.lock:
                    rows += self._reading.rows_of(view.folder, group)
            return sorted((row for row in rows if view.number_of(row.uid)), key=_UID)
        last: Rows = []
        while not rows or len(last) == COMPARED_AT_ONCE:
            yield from self.go_on()
            with self._session.lock:
                low = rows[-1].uid + 1 if rows else uids[0]
                last = self._reading.rows(view.folder, low, uids[-1], limit=COMPARED_AT_ONCE)
            if not last:
                break
            rows += last
        if len(rows) == len(uids):
            return rows
        there = set(uids)
        return [row for row in rows if row.uid in there]

    def _bodies(self, key: Key) -> Steps[set[int] | None]:
        """Those that may have what ``key`` looks for; None: any may."""
        match key:
            case keys.InText(text) | keys.InHeader(_, text):
                return (yield from self._with(fold(text)))
            case keys.And(parts):
                left: set[int] | None = None
                for part in parts:
                    if left is not None and len(left) <= FEW:
                        break
                    bodies = yield from self._bodies(part)
                    left = left if bodies is None else bodies if left is None else left & bodies
                return left
            case keys.Or(one, other):
                first = yield from self._bodies(one)
                second = yield from self._bodies(other)
                return first | second if first is not None and second is not None else None
        return None

    def _with(self, text: str) -> Steps[set[int] | None]:
        if text not in self._narrowed:
            yield from self.go_on()
            with self._session.lock:
                self._narrowed[text] = texts.narrowed(self._mailbox, text)
        return self._narrowed[text]

    def _among(self, key: Key, rows: Rows) -> Steps[Rows]:
        """Those of ``rows`` that meet ``key``."""
        if not rows:
            return rows
        match key:
            case keys.And(parts):
                for part in sorted(parts, key=_cost):
                    rows = yield from self._among(part, rows)
                return rows
            case keys.Or(one, other):
                first = yield from self._among(one, rows)
                second = yield from self._among(other, rows)
                either = {row.uid for row in first} | {row.uid for row in second}
                return [row for row in rows if row.uid in either]
            case keys.Not(inner):
                found = {row.uid for row in (yield from self._among(inner, rows))}
                return [row for row in rows if row.uid not in found]
            case keys.InText(text, header):
                return (yield from self._with_text(fold(text), header, rows))
            case keys.InHeader(name, text):
                return (yield from self._with_field(name, fold(text), rows))
            case keys.Dated(keys.Clock.SENT):
                return (yield from self._sent(key, rows))
        return (yield from self._by_row(key, rows))

    def _by_row(self, key: Key, rows: Rows) -> Steps[Rows]:
        kept: Rows = []
        with self._session.lock:
            test = self._test(key)
        for group in in_groups(rows):
            yield from self.go_on()
            with self._session.lock:
                kept += filter(test, group)
        return kept

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
                told = _EMAIL_ID.fullmatch(value) if kind == "EMAILID" else None
                bodies = set(self._reading.bodies_that_begin(bytes.fromhex(told[1])) if told else ())
                return lambda row: row.body in bodies
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

    def _with_text(self, text: str, header: bool, rows: Rows) -> Steps[Rows]:
        if not text:
            return rows
        found: set[int] = set()
        narrowed = yield from self._narrow(text, rows)
        for bodies in _bodies_of(narrowed):
            yield from self.go_on()
            with self._session.lock:
                wholes = texts.wholes(self._mailbox, bodies)
            for body, fields, rest in wholes:
                inner, words = texts.inner_and_body(rest)
                if holds(words, text) or (
                    header and (holds(inner, text) or holds(texts.fields_and_addresses(fields)[0], text))
                ):
                    found.add(body)
        return [row for row in rows if row.body in found]

    def _with_field(self, name: str, text: str, rows: Rows) -> Steps[Rows]:
        """Of From and Subject the catalogue knows most of what it takes; where it does not, and for all others, the header decides."""
        known, open_rows = (yield from self._by_summary(name, text, rows)) if text else (set[int](), rows)
        is_there = _field_test(name, text)
        narrowed = yield from self._narrow(text, open_rows)
        for bodies in _bodies_of(narrowed):
            yield from self.go_on()
            for body, packed in self._headers(bodies):
                if is_there(*texts.fields_and_addresses(packed)):
                    known.add(body)
        return [row for row in rows if row.body in known]

    def _by_summary(self, name: str, text: str, rows: Rows) -> Steps[tuple[set[int], Rows]]:
        """(Bodies that have ``text`` in the field, the rows of which it is not known.)"""
        column = _COLUMNS.get(name)
        if column is None:
            return set(), rows
        values = yield from self._column(column, rows)
        if self._repeating is None:
            with self._session.lock:
                self._repeating = texts.repeating(self._mailbox)
        told: dict[str, bool | None] = {"": False}
        found: set[int] = set()
        left: Rows = []
        for group in in_groups(rows):
            yield from self.go_on()
            for row in group:
                written = values.get(row.id) or ""
                if written not in told:  # a few people write most of a folder
                    told[written] = _told_by_summary(name, fold(written), text)
                verdict = told[written]
                if verdict:
                    found.add(row.body)
                elif verdict is None or row.body in self._repeating:
                    left.append(row)
        return found, left

    def _sent(self, key: keys.Dated, rows: Rows) -> Steps[Rows]:
        """The Date field's day as it is written (RFC 9051 §6.4.4: without its zone), or the day of arrival without one. Where the instant is days
        away from what is asked for, the zone does not matter."""
        dates = yield from self._column("date_utc", rows)
        found: set[int] = set()
        left: Rows = []
        for group in in_groups(rows):
            yield from self.go_on()
            for row in group:
                date_utc = dates.get(row.id)
                day = None if date_utc is None else _EPOCH + date_utc // _DAY_SECONDS
                if day is None or _may_be_either(key, day):
                    left.append(row)
                elif _is_within(key, day):
                    found.add(row.uid)
        told: dict[int, int | None] = {}
        for bodies in _bodies_of(left):
            yield from self.go_on()
            told |= {
                body: _written_day(texts.fields_and_addresses(packed)[0]) for body, packed in self._headers(bodies)
            }
        found.update(row.uid for row in left if _is_within(key, told.get(row.body) or _arrival_day(row)))
        return [row for row in rows if row.uid in found]

    def _column(self, column: str, rows: Rows) -> Steps[dict[int, Any]]:
        """Row id → what the catalogue has of a field; of ``rows``, and perhaps of more. Each is read once, however many keys ask for it."""
        known = self._columns.setdefault(column, {})
        for group in in_groups([row.id for row in rows if row.id not in known]):
            yield from self.go_on()
            with self._session.lock:
                found = self._reading.header_values(column, group)
            known |= dict.fromkeys(group) | found
        return known

    def _narrow(self, text: str, rows: Rows) -> Steps[Rows]:
        if len(rows) <= FEW:
            return rows
        bodies = yield from self._with(text)
        return rows if bodies is None else [row for row in rows if row.body in bodies]

    def _headers(self, bodies: Sequence[int]) -> list[tuple[int, bytes]]:
        with self._session.lock:
            return texts.headers(self._mailbox, bodies)


def _bodies_of(rows: Rows) -> Iterator[Sequence[int]]:
    """Some at a time, each once."""
    return in_groups(list(dict.fromkeys(row.body for row in rows)), SEARCHED_AT_ONCE)


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
