"""Accounts that were there before the portal (`bascule account add`) go on: their mailboxes, passwords, aliases, and who shares with whom. Nobody is asked to do anything.

They come into a wave of their own, which is open. A list that names them later changes them like anybody (their sign-on name, their wave).
"""

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from bascule.campaign.instants import settle, usual_calendar
from bascule.platform.accounts.shares import TABLES, Shares
from bascule.portal.directory.models import Address, Mailbox, Member, Note, Wave, publish, this_node
from bascule.portal.shell.doors import now

WAVE = "before-portal"
_LEFT_BEHIND = "CREATE TABLE IF NOT EXISTS left_behind (account TEXT PRIMARY KEY) WITHOUT ROWID"
"""In the same file: those that could not come, so that it is said once."""


@dataclass(slots=True)
class Adopted:
    taken: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Login → the id of its mailbox: one of its addresses is somebody's in the portal already."""


@dataclass(frozen=True, slots=True)
class _Earlier:
    id: str
    login: str
    name: str
    password: str
    locked: bool
    quota_octets: int | None
    addresses: tuple[str, ...]


def adopt(data: Path) -> Adopted:
    """Those of the data folder's ``accounts.sqlite`` that the portal never had. Cut off at any instant, it is done again in full. Raises sqlite3.Error, django.db.Error."""
    adopted, place = Adopted(), data / "accounts.sqlite"
    if not place.exists():
        return adopted
    with closing(sqlite3.connect(place, isolation_level=None, timeout=30.0)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'accounts'").fetchone():
            return adopted
        earlier = _read(database)
        had = set(Mailbox.objects.filter(pk__in=[each.id for each in earlier]).values_list("pk", flat=True))
        due = [each for each in earlier if each.id not in had and not _is_left_behind(database, each)]
        if not due:
            return adopted
        _share(data, database)  # first: once the portal has them, they are not looked at again
        with transaction.atomic():
            _make([each for each in due if _may_come(each, adopted)], database)
        database.execute(_LEFT_BEHIND)
        database.executemany(
            "INSERT OR IGNORE INTO left_behind VALUES (?)", [(one,) for one in adopted.refused.values()]
        )
    return adopted


def _is_left_behind(database: sqlite3.Connection, each: _Earlier) -> bool:
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'left_behind'").fetchone():
        return False
    return database.execute("SELECT 1 FROM left_behind WHERE account = ?", (each.id,)).fetchone() is not None


def _read(database: sqlite3.Connection) -> list[_Earlier]:
    addresses = defaultdict(list)
    for address, account in database.execute("SELECT address, account FROM addresses ORDER BY address"):
        addresses[account].append(address)
    rows = database.execute("SELECT id, login, name, password, locked, quota_octets FROM accounts ORDER BY login")
    return [
        _Earlier(identity, login, name, password, bool(locked), quota, tuple(addresses[identity]))
        for identity, login, name, password, locked, quota in rows
    ]


def _may_come(each: _Earlier, adopted: Adopted) -> bool:
    is_taken = (
        Address.objects.filter(address__in=each.addresses).exists()
        or Member.objects.filter(sign_on=each.login).exists()
    )
    if is_taken:
        adopted.refused[each.login] = each.id
        return False
    adopted.taken.append(each.login)
    return True


def _make(earlier: list[_Earlier], database: sqlite3.Connection) -> None:
    if not earlier:
        return
    wave, at = _wave(), now()
    for each in earlier:
        box = Mailbox.objects.create(
            id=each.id, login=each.login, name=each.name, wave=wave, quota_octets=each.quota_octets, node=this_node(),
            is_locked=each.locked, password=each.password, password_at=at, provisioned_at=at, created_at=at, due=0,
        )  # fmt: skip
        Address.objects.bulk_create(Address(address=address, mailbox=box) for address in each.addresses)
        Member.objects.create(
            sign_on=each.login, name=each.name or each.login, mailbox=box, created_at=at, password=make_password(None)
        )
        Note.objects.create(at=at, by="Bascule", what="taken-from-before", about=each.login)
    for owner, member in database.execute("SELECT owner, member FROM senders"):
        for box in Mailbox.objects.filter(pk=owner):
            box.senders.add(*Mailbox.objects.filter(pk=member))
    publish(each.id for each in earlier)


def _wave() -> Wave:
    """Open since last month; not the one whose dates everybody is shown."""
    found = Wave.objects.filter(name=WAVE).first()
    if found is not None:
        return found
    zone = ZoneInfo(settings.BASCULE.zone)
    local = (
        (now() - timedelta(days=30)).astimezone(zone).replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=None)
    )
    calendar = usual_calendar(settle(local, zone), zone)
    instants = {name: getattr(calendar, name) for name in type(calendar).__slots__}
    return Wave.objects.create(name=WAVE, title="Avant le portail", is_pilot=True, **instants)


def _share(data: Path, database: sqlite3.Connection) -> None:
    """Who shares with whom goes into the machine's own notes; again, it changes nothing."""
    rows = database.execute("SELECT owner, identifier FROM shares").fetchall()
    with closing(sqlite3.connect(data / "accounts-notes.sqlite", isolation_level=None, timeout=30.0)) as notes:
        notes.executescript(TABLES)
        for owner, identifier in rows:
            Shares(notes).note(owner, identifier)
