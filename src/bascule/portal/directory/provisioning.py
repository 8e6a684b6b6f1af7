"""Accounts made ready on the new platform: their generated password, once. Run again, it goes on where it stopped, and changes no password."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction

from bascule.platform.accounts.passwords import generate_password, hash_chosen, hash_generated
from bascule.portal.directory.models import Mailbox, publish
from bascule.portal.keys import Keys

GROUP = 200
"""Mailboxes made ready in one transaction: others wait for it."""


def provision(keys: Keys, now: datetime, told: Callable[[int], None] = lambda count: None) -> int:
    """Give every mailbox that has none a password; how many. ``told``: how many so far. Cut off at any instant, what was done is whole."""
    count = 0
    while group := list(
        Mailbox.objects.filter(password="", is_gone=False).order_by("login").values_list("pk", flat=True)[:GROUP]
    ):
        count += _provision_group(keys, now, group)
        told(count)
    return count


def _provision_group(keys: Keys, now: datetime, ids: Iterable[str]) -> int:
    with transaction.atomic():
        boxes = list(Mailbox.objects.select_for_update().filter(pk__in=ids, password=""))
        for box in boxes:
            _give_generated(box, keys, now)
            box.provisioned_at = box.provisioned_at or now
        Mailbox.objects.bulk_update(boxes, ["password", "shown", "password_at", "provisioned_at"])
        publish(box.pk for box in boxes)
    return len(boxes)


def _give_generated(box: Mailbox, keys: Keys, now: datetime) -> str:
    password = generate_password()
    box.password, box.shown, box.password_at = hash_generated(password), keys.seal(password), now
    return password


def renew(box: Mailbox, keys: Keys, now: datetime) -> None:
    """Another generated password: the one before is refused from now on, and its sessions end."""
    with transaction.atomic():
        _give_generated(box, keys, now)
        box.save(update_fields=["password", "shown", "password_at"])
        publish([box.pk])


def choose(box: Mailbox, password: str, now: datetime) -> None:
    """A password that the member chose: it can't be shown any more."""
    kept = hash_chosen(password)
    with transaction.atomic():
        box.password, box.shown, box.password_at = kept, "", now
        box.save(update_fields=["password", "shown", "password_at"])
        publish([box.pk])


def lock(box: Mailbox, *, locked: bool) -> None:
    """Nobody signs in to a locked mailbox; it still takes mail."""
    with transaction.atomic():
        box.is_locked = locked
        box.save(update_fields=["is_locked"])
        publish([box.pk])


def seal_anew(keys: Keys) -> int:
    """Everything that is sealed, with the newest key; how many."""
    count = 0
    for box in Mailbox.objects.exclude(shown="", old_secret="").iterator():
        with transaction.atomic():
            fresh = Mailbox.objects.select_for_update().get(pk=box.pk)
            fresh.shown = keys.seal_anew(fresh.shown) if fresh.shown else ""
            fresh.old_secret = keys.seal_anew(fresh.old_secret) if fresh.old_secret else ""
            fresh.save(update_fields=["shown", "old_secret"])
        count += 1
    return count
