"""Every address, with every role and with none: who sees what. An address without an expectation fails."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver

from support.portal import EVE, Portal

ROLES = ("nobody", "member", "technician", "operator", "auditor")
SIGN_ON = "302 /sign-on"
ALL = dict.fromkeys(ROLES, "200")
SIGNED_ON = {**dict.fromkeys(ROLES, "200"), "nobody": SIGN_ON}
CONTROL = {"nobody": SIGN_ON, "member": "403", "technician": "200", "operator": "200", "auditor": "200"}
OPERATORS = {"nobody": SIGN_ON, "member": "403", "technician": "403", "operator": "200", "auditor": "403"}
POST_ONLY = dict.fromkeys(ROLES, "405")
SIGNED_ON_POST = {**dict.fromkeys(ROLES, "405"), "nobody": SIGN_ON}
OPERATORS_POST = {"nobody": SIGN_ON, "member": "403", "technician": "403", "operator": "405", "auditor": "403"}
AGAIN = {**dict.fromkeys(ROLES, "302 /sign-on/again"), "nobody": SIGN_ON}
EXPECTED = {
    "home": ALL,
    "tick": SIGNED_ON_POST,
    "look": ALL,
    "logo": dict.fromkeys(ROLES, "404"),
    "language": POST_ONLY,
    "personal-data": ALL,
    "extract": SIGNED_ON,
    "sign-on": {**dict.fromkeys(ROLES, "302 /"), "nobody": "200"},
    "account_login": {**dict.fromkeys(ROLES, "302 /"), "nobody": "200"},
    "sign-out": POST_ONLY,
    "account_logout": POST_ONLY,
    "account_reauthenticate": SIGNED_ON,
    "credentials": SIGNED_ON,
    "reveal": SIGNED_ON_POST,
    "sheet": SIGNED_ON_POST,
    "practise": SIGNED_ON,
    "change-password": {**dict.fromkeys(ROLES, "403"), "nobody": SIGN_ON},
    "carry": SIGNED_ON_POST,
    "profile": SIGNED_ON,
    "phone": dict.fromkeys(ROLES, "410"),
    "phone-profile": dict.fromkeys(ROLES, "410"),
    "control": CONTROL,
    "members": CONTROL,
    "member": CONTROL,
    "renew": OPERATORS_POST,
    "member-state": OPERATORS_POST,
    "wave": OPERATORS,
    "new-wave": OPERATORS,
    "wave-name": OPERATORS_POST,
    "wave-remove": OPERATORS_POST,
    "mailbox-wave": OPERATORS,
    "banner": OPERATORS,
    "notes": {**CONTROL, "technician": "403"},
    "members-csv": CONTROL,
    "bring-list": OPERATORS,
    "empty-list": OPERATORS,
    "wrong-lines": OPERATORS,
    "list": OPERATORS,
    "bring-in": OPERATORS_POST,
    "make-ready": OPERATORS_POST,
    "work": CONTROL,
    "work-stop": OPERATORS_POST,
    "work-go-on": OPERATORS_POST,
    "mailboxes": CONTROL,
    "mailbox": CONTROL,
    "mailbox-password": OPERATORS_POST,
    "mailbox-change": OPERATORS_POST,
    "sign-ins": CONTROL,
    "sign-ins-lift": {**OPERATORS_POST, "technician": "405"},
    "looked-after": {**dict.fromkeys(ROLES, "404"), "nobody": SIGN_ON, "member": "200"},
    "looked-after-password": SIGNED_ON_POST,
    "well-known-change-password": dict.fromkeys(ROLES, "302 /credentials/change"),
    "mfa_index": SIGNED_ON,
    "mfa_activate_totp": AGAIN,
    "mfa_deactivate_totp": {**dict.fromkeys(ROLES, "404"), "nobody": SIGN_ON},
    "mfa_view_recovery_codes": {**dict.fromkeys(ROLES, "404"), "nobody": SIGN_ON},
    "mfa_generate_recovery_codes": AGAIN,
    "mfa_download_recovery_codes": {**dict.fromkeys(ROLES, "404"), "nobody": SIGN_ON},
    "mfa_authenticate": {**dict.fromkeys(ROLES, "302 /"), "nobody": SIGN_ON},
    "mfa_reauthenticate": AGAIN,
}
"""Of GET, on the eve: “200”, or a status and where it leads."""


def _patterns(resolvers: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[tuple[str, str]]:
    for each in resolvers:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _patterns(each.url_patterns, route)
        else:
            yield each.name or route, route


def test_each_address_answers_each_role_as_expected(portal: Portal) -> None:
    from bascule.portal.directory.models import Member
    from bascule.portal.urls import urlpatterns

    portal.move_to(EVE)
    wave = portal.wave()
    anna = portal.member("anna", wave)
    clients = {role: portal.client(portal.member(role, wave, role=role)) for role in ROLES if role != "nobody"}
    clients["nobody"] = portal.client()
    scanner = portal.service("scanner", wave, owners=[Member.objects.get(sign_on="member")])
    brought = portal.brought_list("sign_on;name;address\n")
    number = {"list": brought.pk, "work": portal.work().pk}
    wrong, seen = [], set()
    for name, route in _patterns(urlpatterns):
        seen.add(name)
        if name not in EXPECTED:
            wrong.append(f"{name} ({route}) has no expectation")
            continue
        subject = [*route.split("/"), "", ""][2]
        values = {
            "<int:number>": str(number.get(subject, anna.pk)),
            "<slug:name>": "main",
            "<slug:step>": "open",
            "<str:token>": "none",
            "<str:box>": scanner.pk,
        }
        for place, value in values.items():
            route = route.replace(place, value)
        for role, client in clients.items():
            answer = client.get(route)
            status = str(answer.status_code)
            told = f"{status} {answer.headers['Location'].partition('?')[0]}" if status == "302" else status
            if told != EXPECTED[name][role]:
                wrong.append(f"{name} ({route}), {role}: {told}, expected {EXPECTED[name][role]}")
    assert not wrong, "\n".join(wrong)
    assert set(EXPECTED) <= seen


@pytest.mark.parametrize("language", ["fr", "en"])
def test_errors_are_pages_that_say_what_to_do(portal: Portal, language: str) -> None:
    client = portal.client()
    client.cookies["bascule-language"] = language
    page = client.get("/nope")
    assert page.status_code == 404
    assert ("Cette page n’existe pas" if language == "fr" else "There is no such page") in page.content.decode()
    assert page.headers["Content-Language"] == language


def test_what_goes_wrong_in_here_is_told_without_a_trace(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    client = portal.client(raise_request_exception=False)
    monkeypatch.setattr("bascule.portal.home.views.now", lambda: 1 / 0)
    page = client.get("/")
    assert page.status_code == 500
    assert "Quelque chose s’est mal passé ici" in page.content.decode()
    assert "ZeroDivision" not in page.content.decode()
