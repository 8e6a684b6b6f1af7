"""What the servers go by, in memory: every mailbox with its addresses, and the waves' calendars; brought up to date by the numbers of changes."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bascule.platform.accounts import Account
from bascule.platform.accounts.judging import Known, stamp_of
from bascule.portal.accounts.database import Reading
from bascule.terms.phases import MemberCalendar

AT_ONCE = 500
"""Mailboxes asked for by id in one query."""
_NUMBER = "SELECT number FROM directory_revision WHERE id = 1"
_WAVES = "SELECT id, credentials_open, switch, all_assistance, archive_closes, backup_destroyed FROM directory_wave"
_MAILBOXES = "SELECT id, login, name, quota_octets, password, is_locked, is_gone, wave_id, node FROM directory_mailbox WHERE revision > ?"


@dataclass(frozen=True, slots=True)
class Entry:
    account: Account
    password: str
    locked: bool
    wave: int
    senders: frozenset[str]
    """Ids of the accounts that may write as this one."""


@dataclass(frozen=True, slots=True)
class News:
    """What the database says. ``is_whole``: of everything, not only of what changed."""

    number: int
    is_whole: bool
    calendars: dict[int, MemberCalendar]
    mailboxes: Sequence[tuple[Any, ...]]
    addresses: Mapping[str, list[str]]
    senders: Mapping[str, set[str]]


def read_news(reading: Reading, since: int) -> News | None:
    """What changed behind change number ``since``; None: nothing. All there is where ``since`` is -1, or the database does not come as far: it is as it was
    once (a standby took over, a backup came back), and its next changes have numbers that were others'. Raises DatabaseAway."""
    rows = reading.rows(_NUMBER)
    number = rows[0][0] if rows else 0
    if number == since:
        return None
    since = since if since < number else -1
    calendars = {wave: MemberCalendar(*map(_instant, instants)) for wave, *instants in reading.rows(_WAVES)}
    changed = reading.rows(_MAILBOXES, [since])
    addresses: dict[str, list[str]] = defaultdict(list)
    senders: dict[str, set[str]] = defaultdict(set)
    for group in _groups(changed):
        _read_about(reading, group, addresses, senders)
    return News(number, since == -1, calendars, changed, addresses, senders)


@dataclass(slots=True)
class Snapshot:
    """``node``: this machine's name; ``number``: of the last change that is in it."""

    node: str
    number: int = -1
    calendars: dict[int, MemberCalendar] = field(default_factory=dict)
    by_id: dict[str, Entry] = field(default_factory=dict)
    by_address: dict[str, Entry] = field(default_factory=dict)
    domains: Counter[str] = field(default_factory=Counter)

    def take(self, news: "News") -> None:
        """Of changes that follow the last one here, or of all there is into a snapshot that is empty."""
        self.calendars = news.calendars
        self._replace(news.mailboxes, news.addresses, news.senders)
        self.number = news.number

    def _replace(
        self, rows: Sequence[tuple[Any, ...]], addresses: Mapping[str, list[str]], senders: Mapping[str, set[str]]
    ) -> None:
        for row in rows:
            self._forget(row[0])
        for identity, login, name, quota, password, locked, gone, wave, node in rows:
            if gone:
                continue
            account = Account(
                identity,
                login,
                name,
                tuple(addresses.get(identity, ())),
                quota,
                stamp_of(password),
                node == self.node,
            )
            entry = Entry(account, password, bool(locked), wave, frozenset(senders.get(identity, ())))
            self.by_id[identity] = entry
            for address in account.addresses:
                self.by_address[address] = entry
                self.domains[address.rpartition("@")[2]] += 1

    def _forget(self, identity: str) -> None:
        entry = self.by_id.pop(identity, None)
        for address in entry.account.addresses if entry else ():
            if self.by_address.get(address) is entry:
                del self.by_address[address]
            self.domains[address.rpartition("@")[2]] -= 1

    def known(self, entry: Entry) -> Known:
        """Of an entry of this very state."""
        return Known(entry.account, entry.password, entry.locked, self.calendars[entry.wave])


def _read_about(
    reading: Reading, rows: Sequence[tuple[Any, ...]], addresses: dict[str, list[str]], senders: dict[str, set[str]]
) -> None:
    """Of these mailboxes, by their ids."""
    ids = [row[0] for row in rows]
    marks = ", ".join("?" * len(ids))
    query = f"SELECT mailbox_id, address FROM directory_address WHERE mailbox_id IN ({marks}) ORDER BY address"
    for identity, address in reading.rows(query, ids):
        addresses[identity].append(address)
    query = f"SELECT to_mailbox_id, from_mailbox_id FROM directory_mailbox_may_send_as WHERE to_mailbox_id IN ({marks})"
    for identity, sender in reading.rows(query, ids):
        senders[identity].add(sender)


def _groups(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


def _instant(told: object) -> datetime:
    """PostgreSQL gives an instant; SQLite what Django writes there: UTC, without saying so."""
    if isinstance(told, datetime):
        return told
    return datetime.fromisoformat(str(told)).replace(tzinfo=UTC)
