"""The first page says what happens when, and the next step; it changes with the phase and the person."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest

from bascule.portal.home.next_step import Step, progress_of
from bascule.terms.phases import Phase
from support.portal import EVE, Portal, T


@pytest.mark.parametrize(
    ("phase", "done", "step"),
    [
        (Phase.PREPARED, set(), Step.WAIT),
        (Phase.ANNOUNCED, set(), Step.SEE),
        (Phase.ANNOUNCED, {"printed"}, Step.PRACTISE),
        (Phase.ANNOUNCED, {"revealed", "practised"}, Step.PHONE),
        (Phase.ANNOUNCED, {"practised", "phone"}, Step.PHONE),
        (Phase.ANNOUNCED, {"revealed", "practised", "profile"}, Step.PHONE),
        (Phase.ANNOUNCED, {"revealed", "practised", "phone-done"}, Step.READY),
        (Phase.SWITCHED, set(), Step.SEE),
        (Phase.SWITCHED, {"profile"}, Step.SEE),
        (Phase.SWITCHED, {"revealed"}, Step.OPEN),
        (Phase.SWITCHED, {"revealed", "pc-done"}, Step.PHONE),
        (Phase.SWITCHED, {"revealed", "pc-done", "phone-done"}, Step.DONE),
        (Phase.BACKUP_DESTROYED, {"revealed", "pc-done", "phone-done"}, Step.DONE),
    ],
)
def test_one_thing_to_do_at_a_time(phase: Phase, done: set[str], step: Step) -> None:
    assert progress_of(phase, done).next is step


def test_without_signing_on_the_dates_are_there(portal: Portal) -> None:
    assert "va changer" in portal.client().get("/").content.decode()
    portal.wave()
    portal.wave("pilots", T - timedelta(days=7), is_pilot=True)
    portal.move_to(EVE)
    page = portal.client().get("/").content.decode()
    assert "Le mardi 27 avril à 9\u202fh\u202f00, votre messagerie passe" in page
    assert 'data-countdown="86' in page
    portal.move_to(T)
    page = portal.client().get("/").content.decode()
    assert "Votre messagerie a changé" in page
    assert "data-countdown" not in page


def test_each_member_has_the_dates_of_their_wave(portal: Portal) -> None:
    portal.move_to(EVE)
    main, pilots = portal.wave(), portal.wave("pilots", T - timedelta(days=7), is_pilot=True)
    anna, paul = portal.member("anna", main), portal.member("paul", pilots)
    assert "passe sur la nouvelle plateforme le mardi 27 avril" in portal.client(anna).get("/").content.decode()
    assert "depuis le mardi 20 avril" in portal.client(paul).get("/").content.decode()


def test_the_next_step_follows_what_was_done(portal: Portal) -> None:
    portal.move_to(EVE)
    anna = portal.member("anna", portal.wave())
    client = portal.client(anna)
    assert "Notez vos nouveaux identifiants" in client.get("/").content.decode()
    client.post("/credentials/password")
    assert "Essayez votre mot de passe" in client.get("/").content.decode()
    client.post("/credentials/try", {"password": portal.mail_password(anna)})
    assert "Préparez votre téléphone" in client.get("/").content.decode()


def test_what_is_done_elsewhere_the_member_ticks_and_takes_back(portal: Portal) -> None:
    portal.move_to(T + timedelta(days=1))
    anna = portal.member("anna", portal.wave())
    client = portal.client(anna)
    client.post("/credentials/password")
    assert "Ouvrez votre nouvelle boîte</h2>" in client.get("/").content.decode()
    for _ in range(2):
        assert client.post("/steps/open").headers["Location"] == "/"
    assert "Configurez votre téléphone</h2>" in client.get("/").content.decode()
    client.post("/steps/phone")
    page = client.get("/").content.decode()
    assert "Tout est en place</h2>" in page
    assert "jusqu’au dimanche 27 juin" in page
    client.post("/steps/phone", {"undone": "1"})
    assert "Configurez votre téléphone</h2>" in client.get("/").content.decode()
    assert client.post("/steps/see").status_code == 404
    assert client.get("/personal-data/mine.json").json()["mailbox"]["looked_at"][-1]["what"] == "pc-done"


def test_the_page_goes_on_with_the_old_mail(portal: Portal) -> None:
    """Read on the web; then restored exceptionally; then gone."""
    anna = portal.member("anna", portal.wave())
    portal.move_to(T + timedelta(hours=1))
    client = portal.client(anna)
    for path in ("/credentials/password", "/steps/open", "/steps/phone"):
        client.post(path)
    assert "Jusque-là, l’assistance traite d’abord les urgences." in client.get("/").content.decode()
    portal.move_to(T + timedelta(days=62))
    page = client.get("/").content.decode()
    assert "Votre ancien courrier ne se lit plus sur le web." in page
    assert "l’assistance peut encore restaurer un message" in page
    portal.move_to(T + timedelta(days=400))
    page = client.get("/").content.decode()
    assert "le changement de messagerie est terminé" in page
    assert "Plus rien de l’ancien courrier ne peut être restauré." in page


def test_the_home_page_leads_to_what_is_open(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    ways = {
        "mailbox_url": "https://webmail.univ-exemple.fr",
        "archives_url": "https://archives.univ-exemple.fr",
        "guide_url": "https://guide.univ-exemple.fr",
    }
    monkeypatch.setattr(settings, "BASCULE", replace(settings.BASCULE, **ways))
    anna = portal.member("anna", portal.wave())
    expected = {EVE: {"guide"}, T: {"webmail", "archives", "guide"}, T + timedelta(days=62): {"webmail", "guide"}}
    for instant, names in expected.items():
        portal.move_to(instant)
        page = portal.client(anna).get("/").content.decode()
        assert {
            name for name in ("webmail", "archives", "guide") if f'href="https://{name}.univ-exemple.fr"' in page
        } == names
    assert 'href="https://guide.univ-exemple.fr"' in portal.client().get("/").content.decode()


def test_what_operators_say_stands_above_every_page(portal: Portal) -> None:
    desk = portal.client(portal.member("chloe", portal.wave(), role="operator"))
    said = {"level": "trouble", "text_fr": "Le <b>courrier</b> tarde.", "text_en": "Mail is late."}
    assert desk.post("/control/banner", said).status_code == 302
    client = portal.client()
    assert "Le &lt;b&gt;courrier&lt;/b&gt; tarde." in client.get("/").content.decode()
    client.post("/language", {"language": "en", "next": "/"})
    assert "Mail is late." in client.get("/sign-on").content.decode()
    desk.post("/control/banner", {"remove": "1"})
    assert "Mail is late." not in client.get("/").content.decode()


def test_an_extract_of_ones_own_data(portal: Portal) -> None:
    portal.move_to(EVE)
    anna = portal.member("anna", portal.wave())
    client = portal.client(anna)
    client.post("/credentials/password")
    told = client.get("/personal-data/mine.json").json()
    assert told["mailbox"]["address"] == anna.mailbox.login
    assert [view["what"] for view in told["mailbox"]["looked_at"]] == ["revealed"]
    assert "{SSHA512}" not in str(told)


def test_health_needs_nothing_else(portal: Portal) -> None:
    client = portal.client()
    for path, text in (("/health/alive", "alive"), ("/health/ready", "ready"), ("/metrics", "bascule_portal")):
        answer = client.get(path, HTTP_HOST="10.1.2.3")
        assert answer.status_code == 200
        assert text in answer.content.decode()


def test_what_is_counted_is_told_to_this_machine_and_to_named_networks(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    client = portal.client()
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404, (
        "a proxy nobody declared"
    )
    named = {"monitors": (ip_network("192.0.2.0/28"),), "proxies": ("127.0.0.1",)}
    monkeypatch.setattr(settings, "BASCULE", replace(settings.BASCULE, **named))
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 404
