"""What rooms ask before they show or do something: the time, who asks, and what the phase table allows them (`bascule.terms.phases`)."""

import functools
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from bascule.platform.clock import Clock
from bascule.portal.accounts import PortalAccounts, open_accounts
from bascule.portal.directory.models import Mailbox, Member
from bascule.portal.keys import Keys
from bascule.terms.phases import Doors, MemberCalendar, Phase, doors_at, phase_at

_guard = threading.Lock()


@functools.cache
def _accounts() -> PortalAccounts:
    return open_accounts(settings.BASCULE_CONFIG)


def accounts() -> PortalAccounts:
    """Those of this process: the same answers, at the same instant, as the mail servers give."""
    with _guard:
        return _accounts()


@functools.cache
def _clock() -> Clock:
    return Clock(settings.BASCULE.platform.rehearsal_clock)


def now() -> datetime:
    """The institution's instant: real time, but in a rehearsal."""
    return datetime.fromtimestamp(_clock()(), UTC)


@functools.cache
def keys() -> Keys:
    return Keys.at(settings.BASCULE.keys_file)


def peer_of(request: HttpRequest) -> str:
    """The address that a request comes from; what a web server in front says of it, where that one is to be believed."""
    return peer_in(request.META)


def peer_in(environ: Mapping[str, Any]) -> str:
    """As `peer_of`, by a request's environment."""
    told = str(environ.get("REMOTE_ADDR") or "127.0.0.1")
    if told in settings.BASCULE.proxies:
        forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
        return forwarded or told
    return told


def calendar_of(login: str) -> MemberCalendar | None:
    """Of the mailbox with that address."""
    account = accounts().find(login)
    return accounts().calendar_of(account.id) if account else None


def member_of(request: HttpRequest) -> Member:
    """Who signed on. For views that require it."""
    assert isinstance(request.user, Member)
    return request.user


def phase_of(mailbox: Mailbox) -> Phase:
    return phase_at(mailbox.wave.calendar(), now())


def doors_of(mailbox: Mailbox) -> Doors:
    """What the phase table answers for the mailbox, now."""
    return doors_at(mailbox.wave.calendar(), now())
