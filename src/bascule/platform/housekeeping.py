"""What can be done while nobody waits for it: describing new messages, indexing them, and, once a day, taking away for good what was deleted
long ago. One process, of low priority, for each installation.

It hears of changed mailboxes as the servers do (`bascule.platform.wakeups`). What it has not done when somebody asks is done then, by whoever asks;
so nothing depends on it, and it may be stopped at any time. Forked by `bascule.platform.supervisor`; see
`bascule.platform.child`.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from bascule.mailbox import texts
from bascule.mailbox.database import is_bug
from bascule.mailbox.format import MailboxElsewhere, MailboxError, MailboxInUse
from bascule.mailbox.live import LiveMailbox
from bascule.mailbox.live.purging import Purged, compact, purge
from bascule.mailbox.live.reading import Described, describe
from bascule.platform.child import Orders
from bascule.platform.settings import read_settings
from bascule.platform.wakeups import RELEASE, Wakeups
from bascule.protocols.imap.section import header_fields
from bascule.terms.errors import without_advice

QUIET_SECONDS = 2.0
"""A mailbox is left alone until nothing changed in it for so long…"""
LATEST_SECONDS = 60.0
"""…but not for longer than this."""
GROUP = 200
"""Messages described in one transaction: about 30 ms of work."""
MAX_ROW = 2**63 - 1
NICENESS = 10
ROUND_SECONDS = 24 * 3600.0
PASSED_OVER = 1000
"""Remembered and named of one mailbox: more than that is a lost file, which the first ones tell of."""


@dataclass(slots=True)
class Due:
    """Mailboxes to be looked at: account → (first, last) instant at which it changed, in the order of the first."""

    changed: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def note(self, account: str, now: float) -> None:
        first, _ = self.changed.get(account, (now, now))
        self.changed[account] = (first, now)

    def take(self, now: float) -> str | None:
        """One whose time has come."""
        for account, (first, last) in self.changed.items():
            if now - last >= QUIET_SECONDS or now - first >= LATEST_SECONDS:
                del self.changed[account]
                return account
        return None


class PassedOver:
    """Messages that can't be read, or at which we fail: each is named in the log once in a round, and not looked at again until the next one. The
    others of its mailbox are looked after all the same."""

    def __init__(self, log: Callable[..., None]) -> None:
        self._log = log
        self._bodies: dict[str, set[int]] = {}

    def knows(self, box: LiveMailbox, body: int) -> bool:
        return body in self._bodies.get(box.root.stem, ())

    def note(self, box: LiveMailbox, body: int, error: Exception) -> None:
        """From within the handling of ``error``: a bug of ours is logged with its traceback. One that was purged meanwhile is not missing."""
        if not box.reading.has_body(body):
            return
        account = box.root.stem
        known = self._bodies.setdefault(account, set())
        if body in known or len(known) >= PASSED_OVER:
            return
        known.add(body)
        places = [f"{path.display()} UID {uid}" for path, uid in box.reading.places_of(body)]
        self._log(
            "message-unreadable", account=account, messages=places, error=without_advice(error), exc_info=is_bug(error)
        )

    def forget(self, place: Path) -> None:
        """Of that mailbox."""
        self._bodies.pop(place.stem, None)


def tidy(place: Path, passed_over: PassedOver) -> int:
    """Describe and index what is new in a mailbox; how many messages were described. Raises MailboxError, sqlite3.Error."""
    query = (
        "SELECT b.id FROM bodies b LEFT JOIN descriptions d ON d.body = b.id WHERE d.body IS NULL AND b.id < ?"
        " ORDER BY b.id DESC LIMIT ?"
    )
    count, below = 0, MAX_ROW
    with LiveMailbox.open(place) as box:
        while bodies := [body for (body,) in box.mailbox.database.execute(query, (below, GROUP)).fetchall()]:
            made = _described(box, bodies, passed_over)
            box.reading.keep_descriptions(made)
            for names in box.reading.answers.asked_for():
                headers = {body: box.reading.short_header(body) for body in made}
                box.reading.answers.keep(
                    names, {body: header_fields(names, each) for body, each in headers.items() if each}
                )
            count += len(made)
            below = bodies[-1]
        texts.update(box.mailbox, partial(passed_over.note, box))
    return count


def _described(box: LiveMailbox, bodies: list[int], passed_over: PassedOver) -> dict[int, Described]:
    made = {}
    for body in bodies:
        if passed_over.knows(box, body):
            continue
        try:
            made[body] = describe(box.reading.octets(body))
        except Exception as error:  # noqa: BLE001 - damaged, or a bug of ours, which one message meets
            passed_over.note(box, body, error)
    return made


def clean(place: Path, before_utc: int, ask_for_way: Callable[[], None] | None = None) -> Purged:
    """Purge what vanished before, and give back the room, where nobody has the mailbox open, or closes it when asked to (`compact`). Raises MailboxError,
    sqlite3.Error, OSError."""
    with LiveMailbox.open(place) as box:
        done = purge(box, before_utc)
        texts.forget_purged(box.mailbox)
    with contextlib.suppress(MailboxInUse):  # another day
        compact(place, ask_for_way=ask_for_way)
    return done


@dataclass(slots=True)
class Round:
    """The mailboxes of an installation, each once a day. ``left``: those of this round."""

    root: Path
    next_at: float = 0.0
    left: list[Path] = field(default_factory=list)

    def take(self, now: float) -> Path | None:
        if not self.left and now >= self.next_at:
            self.left = sorted(self.root.glob("*.mailbox"))
            self.next_at = now + ROUND_SECONDS
        return self.left.pop() if self.left else None


async def keep(
    data: Path, keep_deleted_seconds: float, until: asyncio.Event, log: Callable[..., None], say_serving: Callable[[], None] = lambda: None
) -> None:  # fmt: skip
    """Work until ``until`` is set."""
    turn, passed_over = Round(data / "mailboxes"), PassedOver(log)
    due, loop = Due(), asyncio.get_running_loop()
    wakeups = Wakeups(data / "run", lambda account: due.note(account, time.monotonic()), log)
    say_serving()
    while not until.is_set():
        account = due.take(time.monotonic())
        place = turn.take(time.monotonic()) if account is None else turn.root / f"{account}.mailbox"
        if place is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), QUIET_SECONDS / 4)
            continue
        if not place.is_dir():  # a wake-up for the queue
            continue
        try:
            if account is not None:
                await loop.run_in_executor(None, tidy, place, passed_over)
            else:
                passed_over.forget(place)
                way = partial(wakeups.send, RELEASE + place.stem)
                await loop.run_in_executor(None, clean, place, int(time.time() - keep_deleted_seconds), way)
        except MailboxElsewhere:
            continue  # it was handed over: its home looks after it
        except (MailboxError, sqlite3.Error, OSError) as error:
            log(
                "housekeeping-failed",
                account=place.stem,
                error=without_advice(error),
                advice="it is done again with the mailbox's next change, or within a day; look whether the disk is full",
                exc_info=is_bug(error) and error,
            )
        except Exception:  # noqa: BLE001 - a bug of ours, which one mailbox meets: the others are looked after all the same
            log("housekeeping-failed", account=place.stem, exc_info=True)
    wakeups.close()


async def serve(orders: Orders, until: asyncio.Event, say_serving: Callable[[], None]) -> None:
    """Work until ``until`` is set, at a low priority."""
    os.nice(NICENESS)
    settings = read_settings(orders.settings)
    await keep(settings.data, settings.keep_deleted_seconds, until, structlog.get_logger().warning, say_serving)
