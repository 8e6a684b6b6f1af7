"""What pages ask for and nobody waits for: a list brought in, mailboxes made ready. By `bascule.portal.jobs`; cut off at any instant, another worker goes on."""

from typing import Any

from django.db import transaction

from bascule.campaign.difference import Change, Difference, differences
from bascule.campaign.members_file import parse_members
from bascule.campaign.new_platform import Made
from bascule.campaign.wrong import WRONG_LINE, RowError, gettext_noop
from bascule.portal.directory.built_in import built_in
from bascule.portal.directory.importing import Overtaken, apply, present_mailboxes
from bascule.portal.directory.models import Mailbox, MemberList, Note, Wave
from bascule.portal.directory.provisioning import due, provision
from bascule.portal.jobs.lease import Hold
from bascule.portal.keys import Keys
from bascule.portal.shell.doors import keys, now

NOT_MADE = gettext_noop("The platform could not make this mailbox: %(detail)s")


def compared(brought: MemberList, sealed_by: Keys) -> tuple[list[Difference], list[RowError]]:
    """The list beside what is there now. Raises ListRefused."""
    rows, wrong = parse_members(sealed_by.open(brought.sealed), brought.name)
    waves = dict.fromkeys(Wave.objects.values_list("name", flat=True), "")
    present = present_mailboxes(sealed_by)
    return differences(rows, present, waves, brought.wave.name, complete=brought.is_complete, wrong=wrong)


def import_members(hold: Hold) -> dict[str, Any]:
    """Order: ``list`` (a `MemberList`), whose wrong lines are left out, and named; ``node``: home of the new mailboxes; ``leaving``: how many members it had
    leave when somebody looked at that and agreed. Raises Overtaken where more would leave now: another list came first."""
    brought = MemberList.objects.select_related("wave").get(pk=hold.work.order["list"])
    if not brought.sealed:  # all was applied, and the worker ended before it could say so
        return {"changed": hold.work.total, "wrong": hold.work.items.count()}
    found, errors = compared(brought, keys())
    leaving = sum(each.change is Change.LEAVING for each in found)
    if leaving > hold.work.order.get("leaving", leaving):
        raise Overtaken
    left = sum(each.change is not Change.SAME for each in found)
    total = hold.work.total or left
    with transaction.atomic():
        hold.require()
        hold.begin()
        for error in errors:
            hold.note(f"{error.line} · {error.who or '–'}"[:254], WRONG_LINE, error.sentence, **error.values)
    hold.tell(total - left, total)
    apply(
        found, brought.wave.name, keys(), now(), hold.work.asked_by, node=hold.work.order.get("node", ""), hold=hold.require,
        told=lambda count: hold.tell(total - left + count),
    )  # fmt: skip
    with transaction.atomic():
        hold.require()
        MemberList.objects.filter(pk=brought.pk).update(sealed="")  # it held personal data and secrets, and has served
    return {"changed": total, "wrong": len(errors)}


def make_ready(hold: Hold) -> dict[str, Any]:
    """Every mailbox of this machine that is due, on its built-in platform."""

    def refused(box: Mailbox, made: Made) -> None:
        hold.note(box.login, made.code, NOT_MADE, detail=made.detail)

    with built_in() as platform:
        left = due(platform.node).count()
        total = max(hold.work.total, left)
        with transaction.atomic():
            hold.require()
            hold.begin()
        hold.tell(total - left, total)
        outcome = provision(
            platform, keys(), now(), hold=hold.require, refused=refused, told=lambda count: hold.tell(total - left + count)
        )  # fmt: skip
    Note.objects.create(at=now(), by=hold.work.asked_by, what="provisioned", detail=f"{outcome.ready} made ready, {outcome.refused} refused")  # fmt: skip
    return {"ready": outcome.ready, "refused": outcome.refused}
