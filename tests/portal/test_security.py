"""Attacks, each by its name."""

import logging
import time
from io import StringIO
from urllib.parse import quote

import pytest
import structlog

from bascule.platform.logs import one_line, with_traceback
from support.portal import DOMAIN, EVE, PASSWORD, Portal, T


def sign_on(client, name: str, password: str, **more: str):
    return client.post("/sign-on", {"username": name, "password": password, **more})


def test_cross_site_request_forgery(portal: Portal) -> None:
    portal.move_to(EVE)
    anna = portal.member("anna", portal.wave())
    client = portal.client(enforce_csrf_checks=True)
    page = sign_on(client, "anna", PASSWORD)
    assert page.status_code == 403
    assert "Ce formulaire a expiré" in page.content.decode()
    signed_on = portal.client(anna)
    signed_on.handler.enforce_csrf_checks = True
    for path in ("/credentials/password", "/credentials/sheet", "/credentials/phone", "/sign-off", "/language"):
        assert signed_on.post(path).status_code == 403, path
    assert anna.mailbox.views.count() == 0


@pytest.mark.parametrize(
    "where",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http:///evil.example"],
)
def test_open_redirect(portal: Portal, where: str) -> None:
    portal.move_to(EVE)
    portal.member("anna", portal.wave())
    assert sign_on(portal.client(), "anna", PASSWORD, next=where).headers["Location"] == "/"
    assert portal.client().post("/language", {"language": "en", "next": where}).headers["Location"] == "/"
    assert sign_on(portal.client(), "anna", PASSWORD, next="/credentials").headers["Location"] == "/credentials"


def test_session_fixation(portal: Portal) -> None:
    from bascule.portal.credentials import carrying

    portal.move_to(EVE)
    anna = portal.member("anna", portal.wave())
    client = portal.client()
    client.post(f"/phone/{carrying.begin(anna.mailbox, anna)}", {"begin": "1"})  # gives an anonymous session
    before = client.cookies["bascule-session"].value
    sign_on(client, "anna", PASSWORD)
    after = client.cookies["bascule-session"].value
    assert after != before
    client.post("/sign-off")
    thief = portal.client()
    thief.cookies["bascule-session"] = after
    assert thief.get("/credentials").status_code == 302


def test_cookies_are_out_of_reach_of_scripts(portal: Portal) -> None:
    portal.move_to(EVE)
    client = portal.client(portal.member("anna", portal.wave()))
    cookie = client.cookies["bascule-session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_enumeration_of_members(portal: Portal) -> None:
    """The same page, after the same work, whether somebody is there or not."""
    portal.move_to(EVE)
    portal.member("anna", portal.wave())
    pages, seconds = {}, {}
    for name in ("anna", "nobody", f"anna@{DOMAIN}", f"nobody@{DOMAIN}"):
        took = []
        for _ in range(3):
            began = time.process_time()
            answer = sign_on(portal.client(), name, "wrong-password")
            took.append(time.process_time() - began)
        assert answer.status_code == 403
        pages[name] = answer.content.decode().replace(name, "NAME")
        seconds[name] = min(took)
    import re

    same = {re.sub(r'value="\w{64}"', "", page) for page in pages.values()}
    assert len(same) == 1
    for known, unknown in (("anna", "nobody"), (f"anna@{DOMAIN}", f"nobody@{DOMAIN}")):
        assert seconds[known] > seconds[unknown] / 3
        assert seconds[unknown] > seconds[known] / 3, "a hash is computed for somebody who is not there"
    assert (
        portal.client().get("/control/members/1").status_code
        == portal.client().get("/control/members/999999").status_code
        == 302
    )


def test_brute_force(portal: Portal) -> None:
    """Who guesses waits, however they type the name; the member, from elsewhere, does not."""
    portal.move_to(T)
    anna = portal.member("anna", portal.wave())
    ways = ("anna", "ANNA", " Anna ", "aNNa", "ＡＮＮＡ")
    last = [sign_on(portal.client(), ways[number % 5], f"guess {number}").status_code for number in range(12)][-1]
    assert last == 429
    locked = sign_on(portal.client(), "anna", PASSWORD)
    assert locked.status_code == 429
    assert "Attendez un quart d’heure" in locked.content.decode()
    assert sign_on(portal.client(REMOTE_ADDR="192.0.2.7"), "anna", PASSWORD).status_code == 302
    for number in range(12):
        mailbox = sign_on(portal.client(REMOTE_ADDR="192.0.2.8"), f"anna@{DOMAIN}", f"guess {number}")
    assert mailbox.status_code == 429
    mail_password = portal.mail_password(anna)
    for place in ("192.0.2.8", "192.0.2.9"):
        assert sign_on(portal.client(REMOTE_ADDR=place), f"anna@{DOMAIN}", mail_password).status_code == 302


def test_password_spraying(portal: Portal) -> None:
    """One address that tries many names has one guess for each; a member there comes in."""
    from bascule.platform.accounts import limits
    from bascule.portal.shell.doors import accounts

    portal.move_to(EVE)
    wave = portal.wave()
    portal.member("anna", wave)
    portal.member("paul", wave)
    for number in range(limits.OF_ADDRESS):
        accounts().attempts.was_wrong(f"person{number}", "Printemps2027!", "127.0.0.1")
    assert sign_on(portal.client(), "paul", "Printemps2027!").status_code == 403
    assert sign_on(portal.client(), "paul", "Printemps2027?").status_code == 429
    assert sign_on(portal.client(), "anna", PASSWORD).status_code == 302


def test_a_program_with_an_old_password_locks_nobody_out(portal: Portal) -> None:
    portal.move_to(EVE)
    portal.member("anna", portal.wave())
    assert {sign_on(portal.client(), "anna", "the old one").status_code for _ in range(15)} == {403}
    assert sign_on(portal.client(), "anna", PASSWORD).status_code == 302


def test_a_session_out_of_the_database(portal: Portal) -> None:
    """Its key there opens nothing: only the hash of what the cookie has is kept."""
    from django.contrib.sessions.models import Session

    portal.move_to(EVE)
    client = portal.client(portal.member("anna", portal.wave()))
    cookie = client.cookies["bascule-session"].value
    [row] = Session.objects.all()
    assert cookie not in (row.session_key, row.session_data)
    thief = portal.client()
    thief.cookies["bascule-session"] = row.session_key
    assert thief.get("/credentials").status_code == 302
    assert client.get("/credentials").status_code == 200
    client.post("/sign-off")
    assert not Session.objects.exists()


def test_not_yet_counts_for_nothing(portal: Portal) -> None:
    portal.move_to(EVE)
    anna = portal.member("anna", portal.wave())
    for _ in range(30):
        early = sign_on(portal.client(), f"anna@{DOMAIN}", portal.mail_password(anna))
        assert early.status_code == 503
    assert "Le mot de passe est correct, mais ne fonctionne pas encore" in early.content.decode()
    assert sign_on(portal.client(), "anna", PASSWORD).status_code == 302


def test_a_mailboxs_session_ends_with_its_password(portal: Portal) -> None:
    from bascule.portal.directory import provisioning
    from bascule.portal.shell.doors import accounts, keys, now

    portal.move_to(T)
    anna = portal.member("anna", portal.wave())
    client = portal.client()
    sign_on(client, f"anna@{DOMAIN}", portal.mail_password(anna))
    assert client.get("/credentials").status_code == 200
    provisioning.renew(anna.mailbox, keys(), now())
    accounts().refresh()
    assert client.get("/credentials").status_code == 302


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "<script>alert(1)</script>", "{{7*7}}", "%00", "a\x00b", "*)(uid=*", "é" * 300]
)
def test_injection(portal: Portal, text: str) -> None:
    portal.move_to(EVE)
    wave = portal.wave()
    portal.member("anna", wave)
    desk = portal.client(portal.member("chloe", wave, role="operator"))
    page = desk.get("/control/members", {"q": text, "wave": text, "page": text, "only": text})
    assert page.status_code in (200, 400)
    assert "<script>alert(1)" not in page.content.decode()
    answer = sign_on(portal.client(), text, text)
    assert answer.status_code in (200, 403)
    assert "<script>alert(1)" not in answer.content.decode()
    assert desk.get(f"/control/waves/{quote(text, safe='')}").status_code == 404
    assert desk.get(f"/control/waves/{'x' * 300}").status_code == 404


def test_headers(portal: Portal) -> None:
    page = portal.client().get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "<script>" not in page.content.decode()
    assert "style=" not in page.content.decode()


def test_only_its_own_name_is_answered_to(portal: Portal) -> None:
    assert portal.client().get("/", HTTP_HOST="evil.example").status_code == 400


def test_secrets_in_logs(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong while a password is in hand is logged without it."""
    portal.move_to(EVE)
    portal.member("anna", portal.wave())
    written = StringIO()
    structlog.configure(
        processors=[with_traceback, one_line, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=written),
    )
    logging.captureWarnings(True)

    def fail(*_: object) -> None:
        raise RuntimeError("with typed-secret within")

    monkeypatch.setattr("bascule.portal.sign_on.views.member_by_mailbox", fail)
    assert sign_on(portal.client(raise_request_exception=False), "anna", "typed-secret").status_code == 500
    told = written.getvalue()
    structlog.reset_defaults()
    assert "RuntimeError" in told
    assert "/sign-on" in told
    assert "typed-secret" not in told


def test_who_left_signs_on_no_more(portal: Portal) -> None:
    from bascule.portal.directory.models import Member

    portal.move_to(EVE)
    anna = portal.member("anna", portal.wave())
    client = portal.client(anna)
    Member.objects.update(state="left")
    assert client.get("/credentials").status_code == 302
    assert sign_on(portal.client(), "anna", PASSWORD).status_code == 403


def test_a_second_factor_is_asked_for_after_the_first(portal: Portal) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    portal.move_to(EVE)
    chloe = portal.member("chloe", portal.wave(), role="operator")
    TOTP.activate(chloe, generate_totp_secret())
    client = portal.client()
    first = sign_on(client, "chloe", PASSWORD)
    assert first.headers["Location"].startswith("/sign-on/second-factor/authenticate/")
    assert client.get("/control").status_code == 302, "not in yet"
    page = client.get(first.headers["Location"])
    assert page.status_code == 200
    assert client.post(first.headers["Location"], {"code": "000000"}).status_code == 200
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
    from allauth.mfa.utils import decrypt

    secret = decrypt(Authenticator.objects.get(user=chloe).data["secret"])
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    assert client.post(first.headers["Location"], {"code": code}).status_code == 302
    assert client.get("/control").status_code == 200


def test_where_the_institution_wants_it_operators_need_a_second_factor(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
    from django.conf import settings

    portal.move_to(EVE)
    chloe = portal.member("chloe", portal.wave(), role="operator")
    client = portal.client(chloe)
    assert client.get("/control").status_code == 200
    monkeypatch.setattr(settings, "BASCULE", replace(settings.BASCULE, second_factor=True))
    for path in ("/control", "/control/list", "/control/members"):
        assert client.get(path).headers["Location"] == "/sign-on/second-factor/totp/activate/"
    assert client.post("/control/ready").headers["Location"] == "/sign-on/second-factor/totp/activate/"
    assert client.get("/credentials").status_code == 200, "one's own pages stay"
    TOTP.activate(chloe, generate_totp_secret())
    assert client.get("/control").status_code == 200
