"""The institution's list brought in: what is there, and the differences applied. Cut off at any instant, what was applied is whole; run again, the rest follows."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Q

from bascule.campaign.difference import Change, Difference, Present
from bascule.campaign.members_file import Row
from bascule.campaign.wrong import gettext_noop
from bascule.portal.directory.models import (
    Address,
    Mailbox,
    Member,
    MemberState,
    Note,
    Wave,
    operators,
    publish,
    this_node,
)
from bascule.portal.keys import Keys
from bascule.terms.errors import BasculeError, ExitStatus

GROUP = 200
"""Rows applied in one transaction."""
_SAID = {"name": "name", "office": "office", "site": "site", "language": "language", "role": "role"}


def present_mailboxes(keys: Keys) -> dict[str, Present]:
    """Everybody, by primary address."""
    aliases: dict[str, list[str]] = defaultdict(list)
    for address, box in Address.objects.values_list("address", "mailbox_id").order_by("address"):
        aliases[box].append(address)
    owners: dict[str, list[str]] = defaultdict(list)
    through = Mailbox.owners.through.objects.values_list("mailbox_id", "member__sign_on").order_by("member__sign_on")
    for box, owner in through:
        owners[box].append(owner)
    members = {member.mailbox_id: member for member in Member.objects.filter(mailbox__isnull=False)}
    waves = dict(Wave.objects.values_list("pk", "name"))
    return {
        box.login: _present(box, members.get(box.pk), aliases[box.pk], owners[box.pk], waves[box.wave_id], keys)
        for box in Mailbox.objects.all().iterator(2000)
    }


def _present(box: Mailbox, member: Member | None, aliases: Sequence[str], owners: Sequence[str], wave: str, keys: Keys) -> Present:  # fmt: skip
    return Present(
        member.sign_on if member else "", member.name if member else box.name, box.login,
        tuple(each for each in aliases if each != box.login), box.kind, wave, member.office if member else "",
        member.site if member else "", member.language if member else "", member.role if member else "", tuple(owners), box.quota_octets,
        box.old_url, box.old_way, keys.open(box.old_secret) if box.old_secret else "",
        box.is_gone or (member is not None and member.state == MemberState.LEFT),
    )  # fmt: skip


class Overtaken(BasculeError):
    """Somebody else changed the same rows at the same time: what was applied before is whole."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("Somebody else brought in a list at the same time."), gettext_noop("Do it again: what is there already stays."), ExitStatus.MISSING
        )  # fmt: skip


class NoOperator(BasculeError):
    """Nobody could open the operators' pages any more: the rows that would do that are not applied, nor those beside them."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("With this list the last operator would leave, or lose that role."), gettext_noop("Make somebody else an operator first."), ExitStatus.USAGE
        )  # fmt: skip


def apply(
    found: Sequence[Difference],
    default_wave: str,
    keys: Keys,
    now: datetime,
    by: str,
    *,
    node: str = "",
    told: Callable[[int], None] = lambda count: None,
    hold: Callable[[], None] = lambda: None,
) -> int:
    """Make what is there as the list says; how many rows changed something. ``by``: for the record; ``node``: home of the new
    mailboxes, otherwise this machine. ``told``: how many rows so far; ``hold``: first in each
    transaction. Raises Overtaken, NoOperator, and what these raise."""
    waves = {wave.name: wave for wave in Wave.objects.all()}
    due = [each for each in found if each.change is not Change.SAME]
    due.sort(
        key=lambda each: bool(each.row and each.row.kind != "personal")
    )  # people first: offices name them as owners
    for start in range(0, len(due), GROUP):
        group = due[start : start + GROUP]
        try:
            with transaction.atomic():
                hold()
                was_operated = operators().exists()
                _apply_group(group, waves, default_wave, keys, now, by, node or this_node())
                if was_operated and not operators().exists():
                    raise NoOperator
        except (IntegrityError, Mailbox.DoesNotExist) as error:
            raise Overtaken from error
        told(min(len(due), start + GROUP))
    return len(due)


def _apply_group(group: Sequence[Difference], waves: dict[str, Wave], default_wave: str, keys: Keys, now: datetime, by: str, node: str) -> None:  # fmt: skip
    new = [each.row for each in group if each.change is Change.NEW and each.row is not None]
    ids = _add(new, waves, default_wave, keys, now, node)
    ids += [_change(each, waves, keys) for each in group if each.change is Change.CHANGED]
    ids += [_leave(each) for each in group if each.change is Change.LEAVING]
    Note.objects.bulk_create(
        Note(at=now, by=by, what=f"import-{each.change}", about=each.address, detail=_detail(each)) for each in group
    )
    number = publish(ids)
    moved = [each.address for each in group if any(name == "address" for name, _, _ in each.fields)]
    looked_after = Mailbox.objects.filter(
        owners__mailbox__addresses__address__in=moved
    )  # their owners' logins are others now
    Mailbox.objects.filter(Q(pk__in=ids) | Q(pk__in=list(looked_after.values_list("pk", flat=True)))).update(due=number)


def _detail(each: Difference) -> str:
    return "\n".join(f"{name}: {before or '–'} → {after or '–'}" for name, before, after in each.fields)


def _add(rows: Sequence[Row], waves: dict[str, Wave], default_wave: str, keys: Keys, now: datetime, node: str) -> list[str]:  # fmt: skip
    boxes = [
        Mailbox(
            login=row.address, name=row.name, kind=row.kind, wave=waves[row.wave or default_wave], quota_octets=row.quota_octets,
            old_url=row.old_url, old_way=row.old_way, old_secret=keys.seal(row.old_secret) if row.old_secret else "", created_at=now, node=node,
        )
        for row in rows
    ]  # fmt: skip
    Mailbox.objects.bulk_create(boxes)
    Address.objects.bulk_create(
        Address(address=address, mailbox=box)
        for row, box in zip(rows, boxes, strict=True)
        for address in dict.fromkeys((row.address, *(row.aliases or ())))
    )
    Member.objects.bulk_create(
        Member(
            sign_on=row.sign_on, name=row.name, mailbox=box, office=row.office, site=row.site, language=row.language or "fr",
            role=row.role or "member", created_at=now, password=make_password(None),
        )
        for row, box in zip(rows, boxes, strict=True)
        if row.sign_on
    )  # fmt: skip
    for row, box in zip(rows, boxes, strict=True):
        if row.owners:
            box.owners.set(Member.objects.filter(sign_on__in=row.owners))
    return [box.pk for box in boxes]


def _change(each: Difference, waves: dict[str, Wave], keys: Keys) -> str:
    assert each.row is not None
    assert each.present is not None
    row = each.row
    box = Mailbox.objects.select_for_update().get(login=each.present.address)
    changed = {name for name, _, _ in each.fields}
    if "address" in changed:
        box.login = row.address
        Address.objects.get_or_create(address=row.address, defaults={"mailbox": box})
    if "wave" in changed:
        box.wave = waves[row.wave]
    if "quota" in changed:
        box.quota_octets = row.quota_octets
    if "old_secret" in changed:
        box.old_secret = keys.seal(row.old_secret)
    box.old_url, box.old_way, box.name = row.old_url or box.old_url, row.old_way or box.old_way, row.name
    if "state" in changed:
        box.is_gone, box.is_locked = False, False
    box.save()
    if "aliases" in changed:
        wanted = {row.address, each.present.address, *(row.aliases or ())}
        box.addresses.exclude(address__in=wanted).delete()
        Address.objects.bulk_create(
            (Address(address=address, mailbox=box) for address in wanted), ignore_conflicts=True
        )
    if "owners" in changed:
        box.owners.set(Member.objects.filter(sign_on__in=row.owners or ()))
    member = Member.objects.filter(mailbox=box).first()
    if member is not None:
        for name in _SAID:
            setattr(member, name, getattr(row, name) or getattr(member, name))
        member.sign_on = row.sign_on or member.sign_on
        member.state = MemberState.PRESENT if "state" in changed else member.state
        member.save()
    return box.pk


def _leave(each: Difference) -> str:
    box = Mailbox.objects.select_for_update().get(login=each.address)
    box.is_locked = True
    box.save(update_fields=["is_locked"])
    Member.objects.filter(mailbox=box).update(state=MemberState.LEFT)
    return box.pk
