"""What every new platform promises (`bascule.campaign.new_platform`): one suite, for each that there is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from bascule.campaign.new_platform import Code, NewPlatform, Wanted
from support.portal import DOMAIN, EVE, Portal


def _built_in() -> AbstractContextManager[NewPlatform]:
    from bascule.portal.directory.built_in import built_in

    return built_in()


PLATFORMS: dict[str, Callable[[], AbstractContextManager[NewPlatform]]] = {"built-in": _built_in}


@pytest.fixture(params=list(PLATFORMS))
def platform(request: pytest.FixtureRequest, portal: Portal) -> Any:
    portal.move_to(EVE)
    wave = portal.wave()
    portal.anna, portal.paul = portal.member("anna", wave), portal.member("paul", wave)
    portal.office = portal.service("office", wave, kind="functional")
    with PLATFORMS[request.param]() as opened:
        yield opened


def wanted(box: Any, *owners: str) -> Wanted:
    return Wanted(box.pk, box.login, box.name, box.kind, (box.login,), box.password, None, False, frozenset(owners))


def readers(box: Any) -> set[str]:
    """Who reads its INBOX, and who writes as it."""
    from bascule.portal.directory.built_in import built_in
    from bascule.portal.shell.doors import accounts

    accounts().refresh()
    office = accounts().find(box.login)
    assert office is not None
    with built_in() as opened, opened._mailboxes.using(box.pk) as live:
        reading = {login for folder in live.folders.all() for login in live.sharing.of(folder.id)}
    people = [accounts().find(f"{name}@{DOMAIN}") for name in ("anna", "paul")]
    writing = {each.login for each in people if each is not None and accounts().may_send_as(each, box.login)}
    assert reading == writing
    return reading


def test_one_answer_for_each_in_order(platform: NewPlatform, portal: Any) -> None:
    asked = [wanted(portal.paul.mailbox), wanted(portal.office, portal.anna.mailbox.login), wanted(portal.anna.mailbox)]
    made = platform.make_ready(asked)
    assert [each.id for each in made] == [each.id for each in asked]
    assert {each.code for each in made} == {Code.READY}
    assert platform.make_ready([]) == []


def test_again_it_changes_nothing(platform: NewPlatform, portal: Any) -> None:
    from bascule.portal.directory.models import Revision

    asked = [wanted(portal.office, portal.anna.mailbox.login)]
    first = platform.make_ready(asked)
    number = Revision.objects.get(pk=1).number
    assert platform.make_ready(asked) == first
    assert Revision.objects.get(pk=1).number == number, "the servers have nothing to read anew"
    assert readers(portal.office) == {portal.anna.mailbox.login}


def test_who_looks_after_it_no_more_is_let_out(platform: NewPlatform, portal: Any) -> None:
    anna, paul = portal.anna.mailbox.login, portal.paul.mailbox.login
    for owners in ({anna, paul}, {paul}, set()):
        platform.make_ready([wanted(portal.office, *owners)])
        assert readers(portal.office) == owners


def test_one_that_can_not_be_made_hinders_no_other(platform: NewPlatform, portal: Any) -> None:
    from django.conf import settings

    from bascule.portal.directory.models import Mailbox

    desk = Mailbox.objects.create(login=f"desk@{DOMAIN}", wave=portal.office.wave, kind="functional", created_at=EVE)
    broken = wanted(desk, portal.anna.mailbox.login)
    blocked = settings.BASCULE.platform.data / "mailboxes" / f"{broken.id}.mailbox"
    blocked.write_text("a file, where the mailbox should be")
    try:
        made = platform.make_ready([broken, wanted(portal.office, portal.anna.mailbox.login)])
    finally:
        blocked.unlink()
    assert [each.code for each in made] == [Code.REFUSED, Code.READY]
    assert made[0].detail, "it says why"
    assert readers(portal.office) == {portal.anna.mailbox.login}


def test_no_password_is_chosen(platform: NewPlatform, portal: Any) -> None:
    before = portal.mail_password(portal.anna)
    platform.make_ready([wanted(portal.anna.mailbox)])
    assert portal.mail_password(portal.anna) == before
