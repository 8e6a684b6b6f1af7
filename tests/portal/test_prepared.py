"""Prepared queries give what the QuerySet gives, also where a related row is missing, and on each kind of database."""

from datetime import timedelta
from typing import Any

import pytest

from support.portal import EVE, Portal


@pytest.fixture
def people(portal: Portal) -> Any:
    """Anna has a mailbox, and looks after an office that is gone and one that is there; the chief has none."""
    from bascule.portal.directory.models import Mailbox, Member

    portal.move_to(EVE)
    wave = portal.wave()
    anna = portal.member("anna", wave)
    office, gone = (portal.service(name, wave, owners=[anna], kind="functional") for name in ("office", "gone"))
    Mailbox.objects.filter(pk=gone.pk).update(is_gone=True)
    chief = Member.objects.create(sign_on="chief", name="Chief", created_at=EVE)
    return {"anna": anna, "office": office, "chief": chief}


def values(found: Any) -> dict[str, Any]:
    return {field.attname: getattr(found, field.attname) for field in found._meta.concrete_fields}


def test_the_same_objects(people: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from bascule.portal.directory.models import Member

    for name in ("anna", "chief"):
        with CaptureQueriesContext(connection) as asked:
            prepared = Member.objects.present(people[name].pk)
            assert prepared is not None
            box = prepared.mailbox
            wave = box.wave if box else None
        assert len(asked) == 1
        plain = Member.objects.select_related("mailbox__wave").get(pk=people[name].pk)
        assert values(prepared) == values(plain)
        assert (box is None) == (plain.mailbox is None) == (name == "chief")
        if box is not None and plain.mailbox is not None:
            assert values(box) == values(plain.mailbox)
            assert values(wave) == values(plain.mailbox.wave)
    assert Member.objects.present(-5) is None


def test_who_left_goes_on_with_no_session(people: Any) -> None:
    from bascule.portal.directory.models import Member, MemberState

    Member.objects.filter(pk=people["anna"].pk).update(state=MemberState.LEFT)
    assert Member.objects.present(people["anna"].pk) is None


def test_what_is_gone_is_not_looked_after(people: Any) -> None:
    from bascule.portal.directory.models import looked_after_by

    assert [box.pk for box in looked_after_by(people["anna"])] == [people["office"].pk]
    assert looked_after_by(people["chief"]) == []


def test_what_is_found_can_be_changed_and_saved(people: Any) -> None:
    from bascule.portal.directory.models import Member

    found = Member.objects.present(people["anna"].pk)
    assert found is not None
    found.office = "Library"
    found.save()
    again = Member.objects.present(people["anna"].pk)
    assert again is not None
    assert again.office == "Library"


def test_a_session_ends_in_time(people: Any, portal: Portal) -> None:
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    client = portal.client(people["anna"])
    assert client.get("/credentials").status_code == 200
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/credentials").status_code == 302
    assert client.get("/credentials", headers={"cookie": "bascule-session=x" * 20}).status_code == 302


def test_values_that_can_not_be_told_apart_are_refused(portal: Portal) -> None:
    from bascule.portal.directory.models import View
    from bascule.portal.prepared import Prepared

    with pytest.raises(ValueError, match="not told apart"):
        Prepared(lambda one, two: View.objects.filter(pk=one, by=two), -1, -1)(1, 2)
