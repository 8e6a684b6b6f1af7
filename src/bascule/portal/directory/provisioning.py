"""Mailboxes made ready on the new platform: their generated password, once, and what the platform needs. Run again, it goes on where it stopped, and changes no password."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from bascule.campaign.new_platform import Code, Made, NewPlatform, Wanted
from bascule.platform.accounts.passwords import generate_password, hash_chosen, hash_generated
from bascule.portal.directory.models import Mailbox, publish
from bascule.portal.keys import Keys

GROUP = 200
"""Mailboxes made ready in one transaction: others wait for it."""


@dataclass(slots=True)
class Provisioned:
    ready: int = 0
    """Mailboxes that got their password now, and that the platform has."""
    refused: int = 0


def due(node: str = "") -> QuerySet[Mailbox]:
    """New mailboxes, and those of which the list says something else since the platform was told; only those of a machine, if ``node`` names one."""
    found = Mailbox.objects.filter(Q(due__gt=0) | Q(password=""), is_gone=False)
    return found.filter(node=node) if node else found


def provision(
    platform: NewPlatform,
    keys: Keys,
    now: datetime,
    *,
    told: Callable[[int], None] = lambda count: None,
    refused: Callable[[Mailbox, Made], None] = lambda box, made: None,
    hold: Callable[[], None] = lambda: None,
) -> Provisioned:
    """Every mailbox that is due, on the platform's machine if it is bound to one, gets a password, where it has none, and the platform makes it. ``told``: how many so far; ``refused``: what the platform could
    not make; ``hold``: first in each transaction. Cut off at any instant, what was done is whole. Raises what these raise."""
    outcome, last, count = Provisioned(), "", 0
    while group := list(due(platform.node).filter(login__gt=last).order_by("login").values_list("pk", "login")[:GROUP]):
        ids, last = [identity for identity, _ in group], group[-1][1]
        fresh = _give_passwords(keys, now, ids, hold)
        boxes = list(
            Mailbox.objects.filter(pk__in=ids).prefetch_related("addresses", "owners__mailbox").order_by("login")
        )
        answers = dict(zip(boxes, platform.make_ready([_wanted(box) for box in boxes]), strict=True))
        with transaction.atomic():
            hold()
            for box, made in answers.items():
                if made.code is not Code.READY:
                    refused(box, made)
            ready = [box for box, made in answers.items() if made.code is Code.READY]
            _note_ready(ready, now)
        outcome.ready += len(fresh & {box.pk for box in ready})
        outcome.refused += len(answers) - len(ready)
        count += len(answers)
        told(count)
    return outcome


def _give_passwords(keys: Keys, now: datetime, ids: Sequence[str], hold: Callable[[], None]) -> set[str]:
    """Those that had none."""
    with transaction.atomic():
        hold()
        boxes = list(Mailbox.objects.select_for_update().filter(pk__in=ids, password=""))
        for box in boxes:
            _give_generated(box, keys, now)
        if boxes:
            Mailbox.objects.bulk_update(boxes, ["password", "shown", "password_at"])
            publish(box.pk for box in boxes)
    return {box.pk for box in boxes}


def _wanted(box: Mailbox) -> Wanted:
    owners = frozenset(owner.mailbox.login for owner in box.owners.all() if owner.mailbox is not None)
    addresses = tuple(sorted(each.address for each in box.addresses.all()))
    return Wanted(box.pk, box.login, box.name, box.kind, addresses, box.password, box.quota_octets, box.is_locked, owners)  # fmt: skip


def _note_ready(boxes: Sequence[Mailbox], now: datetime) -> None:
    """What the list changed again meanwhile stays due."""
    for number in {box.due for box in boxes}:
        Mailbox.objects.filter(pk__in=[box.pk for box in boxes if box.due == number], due=number).update(due=0)
    Mailbox.objects.filter(pk__in=[box.pk for box in boxes], provisioned_at=None).update(provisioned_at=now)


def _give_generated(box: Mailbox, keys: Keys, now: datetime, password: str | None = None) -> None:
    password = password or generate_password()
    box.password, box.shown, box.password_at = hash_generated(password), keys.seal(password), now


def renew(box: Mailbox, keys: Keys, now: datetime, password: str | None = None) -> None:
    """Another generated password (or ``password``, which was generated elsewhere): the one before is refused from now on, its sessions end, and whoever it is of is told on their page."""
    with transaction.atomic():
        _give_generated(box, keys, now, password)
        box.renewed_at = now
        box.save(update_fields=["password", "shown", "password_at", "renewed_at"])
        publish([box.pk])


def choose(box: Mailbox, password: str, now: datetime, *, by_operator: bool = False) -> bool:
    """A password that somebody chose: it can't be shown any more. ``by_operator``: whoever it is of is told on their page. False, of others: the mailbox got
    another password since ``box`` was read, so that the one they know is void; then it stays."""
    kept, before = hash_chosen(password), box.password
    with transaction.atomic():
        known = Mailbox.objects.select_for_update().filter(pk=box.pk).values_list("password", flat=True)
        if not by_operator and list(known) != [before]:
            return False
        box.password, box.shown, box.password_at = kept, "", now
        if by_operator:
            box.renewed_at = now
        box.save(update_fields=["password", "shown", "password_at", "renewed_at"])
        publish([box.pk])
    return True


def lock(box: Mailbox, *, locked: bool) -> None:
    """Nobody signs in to a locked mailbox; it still takes mail."""
    with transaction.atomic():
        box.is_locked = locked
        box.save(update_fields=["is_locked"])
        publish([box.pk])
