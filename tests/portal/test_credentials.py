"""“Mes identifiants”, from before the opening instant to after T."""

import os
import plistlib
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bascule.platform.accounts import SignInRefused
from bascule.portal.keys import SETTLE_SECONDS, Keys, changing
from support.command import bascule
from support.portal import EVE, Portal, T, configuration


def whats(member: Any) -> list[str]:
    return list(member.mailbox.views.order_by("at", "pk").values_list("what", flat=True))


@pytest.fixture
def anna(portal: Portal) -> Any:
    portal.move_to(EVE)
    return portal.member("anna", portal.wave())


def test_before_the_opening_instant_there_are_none(portal: Portal, anna: Any) -> None:
    portal.move_to(T - timedelta(days=14, minutes=10))  # the clock goes on, and the machine may be busy
    client = portal.client(anna)
    page = client.get("/credentials").content.decode()
    assert "à partir du mardi 13 avril à 9\u202fh\u202f00" in page
    assert anna.mailbox.login not in page
    for path in ("/credentials/password", "/credentials/sheet", "/credentials/phone"):
        assert client.post(path).status_code == 403
    assert client.get("/credentials/try").status_code == 403
    assert client.get("/credentials/mail.mobileconfig").status_code == 403
    assert whats(anna) == []


def test_the_password_is_in_no_page_that_did_not_ask_for_it(portal: Portal, anna: Any) -> None:
    client = portal.client(anna)
    secret = portal.mail_password(anna)
    for path in ("/", "/credentials", "/credentials/try", "/personal-data/mine.json"):
        assert secret not in client.get(path).content.decode()
    fragment = client.post("/credentials/password", headers={"HX-Request": "true"})
    assert secret in fragment.content.decode()
    assert "<html" not in fragment.content.decode()
    assert "no-store" in fragment.headers["Cache-Control"]
    whole = client.post("/credentials/password").content.decode()
    assert secret in whole
    assert "<html" in whole
    assert whats(anna) == ["revealed", "revealed"]


def test_a_sheet_to_print(portal: Portal, anna: Any) -> None:
    page = portal.client(anna).post("/credentials/sheet").content.decode()
    for expected in (
        portal.mail_password(anna),
        anna.mailbox.login,
        "mardi 27 avril à 9\u202fh\u202f00",
        "04 00 00 00 00",
    ):
        assert expected in page
    assert whats(anna) == ["printed"]


def test_practising_opens_nothing_and_tells_right_from_wrong(portal: Portal, anna: Any) -> None:
    client = portal.client(anna)
    wrong = client.post("/credentials/try", {"password": "wrong"})
    assert wrong.status_code == 422
    assert "Ce n’est pas le bon" in wrong.content.decode()
    assert "wrong" not in re.sub(r"<[^>]+>", "", wrong.content.decode())
    right = client.post("/credentials/try", {"password": f" {portal.mail_password(anna)} "})
    assert "C’est le bon" in right.content.decode()
    assert "il fonctionnera à partir du mardi 27 avril" in right.content.decode()
    assert whats(anna) == ["practised"]
    elsewhere = portal.client(anna, REMOTE_ADDR="192.0.2.7")
    for number in range(12):
        last = elsewhere.post("/credentials/try", {"password": f"guess {number}"})
    assert last.status_code == 429
    assert elsewhere.post("/credentials/try", {"password": portal.mail_password(anna)}).status_code == 200


def test_a_phone_gets_them_once(
    portal: Portal, anna: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    client = portal.client(anna)
    from bascule.portal.credentials import carrying

    drawn: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(carrying, "picture", lambda text: drawn.append(text) or "")
        client.post("/credentials/phone")
    path = drawn[0].removeprefix("http://127.0.0.1:8025")
    phone, other = portal.client(), portal.client()
    for looks in (other.head(path), other.get(path)):  # a preview of the link
        assert looks.status_code == 200
        assert anna.mailbox.login not in looks.content.decode()
    assert phone.get(f"{path}/mail.mobileconfig").status_code == 410
    assert phone.post(path, {"begin": "1"}).headers["Location"] == path
    page = phone.get(path).content.decode()
    assert anna.mailbox.login in page
    assert portal.mail_password(anna) not in page
    assert other.get(path).status_code == 410
    assert other.post(path, {"begin": "1"}).status_code == 410
    assert portal.mail_password(anna) in phone.post(path).content.decode()
    profile = phone.get(f"{path}/mail.mobileconfig")
    assert profile.headers["Content-Type"] == "application/x-apple-aspen-config"
    account = plistlib.loads(profile.content)["PayloadContent"][0]
    assert account["EmailAddress"] == anna.mailbox.login
    assert whats(anna) == ["phone", "profile"]
    from bascule.portal.directory.models import Carry

    assert path.rpartition("/")[2] not in str(list(Carry.objects.values()))
    Carry.objects.update(ends_at=T - timedelta(days=400))
    capsys.readouterr()
    assert phone.get(path).status_code == 410
    logged = capsys.readouterr().out + caplog.text
    assert "/phone/…" in logged
    assert path not in logged


def test_a_qr_code_is_drawn(portal: Portal, anna: Any) -> None:
    page = portal.client(anna).post("/credentials/phone", headers={"HX-Request": "true"}).content.decode()
    assert "<svg" in page
    assert "<path" in page


def test_a_password_of_ones_own_from_the_switch_on(portal: Portal, anna: Any) -> None:
    from bascule.portal.shell.doors import accounts

    client = portal.client(anna)
    secret = portal.mail_password(anna)
    change = {"current": secret, "new": "une phrase facile à retenir", "again": "une phrase facile à retenir"}
    assert client.post("/credentials/change", change).status_code == 403
    portal.move_to(T)
    session = accounts().sign_in(anna.mailbox.login, secret, "192.0.2.1")
    assert client.post("/credentials/change", {**change, "current": "wrong"}).status_code == 422
    for weak in ("short", "123456789012", "password1234"):
        assert (
            "C’est le bon"
            not in client.post("/credentials/change", {**change, "new": weak, "again": weak}).content.decode()
        )
    assert accounts().may_go_on(session)
    assert client.post("/credentials/change", change).status_code == 302
    assert not accounts().may_go_on(session)
    assert accounts().sign_in(anna.mailbox.login, change["new"], "192.0.2.1").login == anna.mailbox.login
    anna.mailbox.refresh_from_db()
    assert anna.mailbox.shown == ""
    assert "Il ne peut pas être montré" in client.get("/credentials").content.decode()
    assert whats(anna)[-1] == "changed"


def test_a_password_that_an_operator_renewed_meanwhile_stays(
    portal: Portal, anna: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever knows the former one chose another with it, in the moment in which it was taken from them."""
    from bascule.portal.directory import provisioning
    from bascule.portal.shell.doors import accounts, keys

    secret = portal.mail_password(anna)
    portal.move_to(T)
    hash_chosen = provisioning.hash_chosen

    def renew_and_hash(password: str) -> str:
        monkeypatch.undo()
        box = type(anna.mailbox).objects.get(pk=anna.mailbox.pk)
        provisioning.renew(box, keys(), T, "renewed by an operator")
        return hash_chosen(password)

    monkeypatch.setattr(provisioning, "hash_chosen", renew_and_hash)
    chosen = "une phrase facile à retenir"
    told = {"current": secret, "new": chosen, "again": chosen}
    assert portal.client(anna).post("/credentials/change", told).status_code == 422
    accounts().refresh()
    assert accounts().sign_in(anna.mailbox.login, "renewed by an operator", "192.0.2.1").login == anna.mailbox.login
    with pytest.raises(SignInRefused):
        accounts().sign_in(anna.mailbox.login, chosen, "192.0.2.1")


def test_an_operator_makes_a_new_one_and_sees_who_has_not_looked(portal: Portal, anna: Any) -> None:
    from bascule.portal.shell.doors import accounts

    operator = portal.member("chloe", anna.mailbox.wave, role="operator")
    desk = portal.client(operator)
    assert "Anna" in desk.get("/control/members?only=unseen").content.decode()
    portal.client(anna).post("/credentials/password")
    assert "Anna</a>" not in desk.get("/control/members?only=unseen").content.decode()
    portal.move_to(T)
    before = portal.mail_password(anna)
    session = accounts().sign_in(anna.mailbox.login, before, "192.0.2.1")
    assert desk.post(f"/control/members/{anna.pk}/renew", {"sure": "1"}).status_code == 302
    assert portal.mail_password(anna) != before
    assert not accounts().may_go_on(session)
    assert "Anna" in desk.get("/control/members?only=unseen").content.decode()
    from bascule.portal.directory.models import Note

    assert list(Note.objects.values_list("by", "what", "about")) == [("chloe", "password-renewed", anna.mailbox.login)]
    assert before not in str(list(Note.objects.values()))


def test_a_compromised_account_is_closed_everywhere_and_gets_another_password(portal: Portal, anna: Any) -> None:
    from bascule.portal.shell.doors import accounts

    portal.move_to(T)
    desk = portal.client(portal.member("chloe", anna.mailbox.wave, role="operator"))
    own, before = portal.client(anna), portal.mail_password(anna)
    session = accounts().sign_in(anna.mailbox.login, before, "192.0.2.1")
    desk.post(f"/control/members/{anna.pk}/state", {"state": "compromised", "sure": "1"})
    assert own.get("/credentials").status_code == 302, "signed on no more"
    assert not accounts().may_go_on(session)
    assert accounts().find(anna.mailbox.login) is not None, "mail is still taken"
    desk.post(f"/control/members/{anna.pk}/state", {"state": "present"})
    assert portal.client(anna).get("/credentials").status_code == 200
    assert portal.mail_password(anna) != before


def test_keys_are_rotated_and_what_they_seal_stays_readable(portal: Portal, anna: Any) -> None:
    from allauth.mfa.models import Authenticator
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP
    from allauth.mfa.utils import decrypt
    from django.conf import settings

    from bascule.portal.sealing import seal_anew
    from bascule.portal.shell import doors

    place = settings.BASCULE.keys_file
    before, sealed = portal.mail_password(anna), anna.mailbox.shown
    brought = portal.brought_list("name;address\n")
    TOTP.activate(anna, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(anna)
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes()
    Keys.at(place).rotate(place)
    assert seal_anew(Keys.at(place)) == 4, "mailbox, list, and the two parts of the second factor"
    Keys.at(place).forget_old(place)
    assert portal.mail_password(anna) == before
    brought.refresh_from_db()
    assert doors.keys().open(brought.sealed) == "name;address\n"
    totp = Authenticator.objects.get(type="totp")
    assert "JBSWY3DPEHPK3PXP" not in str(totp.data)
    assert decrypt(totp.data["secret"]) == "JBSWY3DPEHPK3PXP"
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes() == codes
    with pytest.raises(ValueError, match="sealed with a key that is not here"):
        Keys.at(place).open(sealed)
    assert place.stat().st_mode & 0o077 == 0


def test_new_keys_come_while_pages_are_shown_and_nothing_sealed_meanwhile_is_lost(portal: Portal, anna: Any) -> None:
    """At each step of `bascule campaign keys`: before it, between the new keys and the sealing, after it, and after the old ones went."""
    from django.conf import settings

    from bascule.portal.directory import provisioning
    from bascule.portal.sealing import seal_anew
    from bascule.portal.shell.doors import keys, now

    place, held = settings.BASCULE.keys_file, keys()
    own = portal.client(anna)

    def is_shown() -> bool:
        page = own.post("/credentials/password")
        return page.status_code == 200 and portal.mail_password(anna) in page.content.decode()

    assert is_shown()
    Keys.at(place).rotate(place)
    assert is_shown(), "sealed before the new keys came"
    seal_anew(Keys.at(place))
    assert is_shown(), "by a process that was there before them"
    provisioning.renew(anna.mailbox, held, now())
    Keys.at(place).forget_old(place)
    assert is_shown(), "what long work sealed with the keys that it had from the start"


def test_keys_that_are_half_copied_change_nothing(portal: Portal, anna: Any) -> None:
    from django.conf import settings

    from bascule.portal.shell.doors import keys

    place = settings.BASCULE.keys_file
    whole = place.read_text()
    sealed = keys().seal("secret")
    place.write_text(whole[: len(whole) // 2])
    try:
        assert keys().open(sealed) == "secret"
        place.unlink()
        assert keys().open(sealed) == "secret"
    finally:
        place.write_text(whole)
        place.chmod(0o600)
    assert keys().open(sealed) == "secret"


def test_old_keys_go_only_once_nobody_seals_with_them_any_more(tmp_path: Path) -> None:
    (tmp_path / "bascule.toml").write_text(configuration())
    words = ("campaign", "--config", tmp_path / "bascule.toml", "keys")
    place = tmp_path / "data/keys/portal.json"
    assert "no older keys" in bascule(tmp_path, *words, "--forget-old", status=2).stderr
    assert "0 secrets sealed anew" in bascule(tmp_path, *words).stdout
    assert "Do it again in 10 min" in bascule(tmp_path, *words, "--forget-old", status=2).stderr
    assert len(Keys.at(place).sealing) == 2
    with changing(place):  # another one, which takes minutes where there is much to seal anew
        assert "Another command changes" in bascule(tmp_path, *words, status=3).stderr
    assert len(Keys.at(place).sealing) == 2
    os.utime(place, (place.stat().st_mtime - SETTLE_SECONDS,) * 2)
    assert "the older keys are gone" in bascule(tmp_path, *words, "--forget-old").stdout
    assert len(Keys.at(place).sealing) == 1


@pytest.mark.parametrize("path", ["/credentials/password", "/credentials/sheet", "/credentials/try"])
def test_who_had_the_password_in_hand_somewhere_is_kept_out_there_by_nobody(
    portal: Portal, anna: Any, path: str
) -> None:
    from bascule.platform.accounts import limits
    from bascule.portal.shell.doors import accounts

    own = portal.client(anna, REMOTE_ADDR="192.0.2.7")
    assert own.post(path, {"password": portal.mail_password(anna)}).status_code == 200
    attempts = accounts().attempts
    for number in range(60):
        attempts.was_wrong(anna.mailbox.login, f"guess {number}", f"203.0.113.{number}")
        attempts.was_wrong(anna.mailbox.login, f"guess {number}", "192.0.2.7")
    assert not attempts.must_wait(anna.mailbox.login, "192.0.2.7")
    for number in range(limits.OF_ACCOUNT_AND_ADDRESS + 1):
        attempts.was_wrong(anna.mailbox.login, f"guess {number}", "192.0.2.8")
    assert attempts.must_wait(anna.mailbox.login, "192.0.2.8")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("aaaaaaaaaaaa", "repeats"),
        ("123123123123", "repeats"),
        ("motdepasse2026", "common word"),
        ("MotDePasse2026!", "common word"),
        ("!!Université-2027", "common word"),
        ("princess123456", "common word"),
        ("chloe.lefevre27", "name"),
        ("Lefèvre-Chloé-1987", "name"),
        (" leading blank here", "blank"),
        ("four quiet chairs ", "blank"),
        ("four quiet blue chairs", None),
        ("Lefèvre aime les tartes aux pommes", None),
        ("k7mp-x2qd-hh4t-9wvc", None),
        ("les 3 ponts de Bourgogne", None),
    ],
)
def test_what_a_guesser_tries_first_is_refused(portal: Portal, password: str, why: str | None) -> None:
    from django.utils.translation import override

    from bascule.portal.credentials.choosing import weakness

    with override("en"):
        told = weakness(password, ("Chloé Lefèvre", "chloe.lefevre@univ-exemple.fr", "Université d’Exemple"))
    assert told is None if why is None else why in (told or "")


def test_a_password_made_of_ones_own_name_is_refused_with_the_reason(portal: Portal, anna: Any) -> None:
    portal.move_to(T)
    told = {
        "current": portal.mail_password(anna),
        "new": f"anna-{anna.mailbox.login}",
        "again": f"anna-{anna.mailbox.login}",
    }
    page = portal.client(anna).post("/credentials/change", told)
    assert "un nom ou d’une adresse" in page.content.decode()
