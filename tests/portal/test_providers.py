"""Sign-on by CAS and by OpenID Connect, in a browser, against a real LemonLDAP::NG."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from support.browser import chromium
from support.lemonldap import CLIENT, SECRET, PrivateLemon
from support.portal import DOMAIN
from support.portal_server import PortalServer, free_port
from support.postgresql import database_for

pytestmark = [*map(pytest.mark.needs, ("lemonldap", "chromium", "postgresql")), pytest.mark.xdist_group("providers")]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[PortalServer, PrivateLemon]]:
    """dwho is on the list, rtyler is not."""
    root, web = tmp_path_factory.mktemp("providers"), free_port()
    (root / "secret").write_text(SECRET + "\n")
    lemon = PrivateLemon(f"http://127.0.0.1:{web}/sign-on/oidc/institution/login/callback/", f"http://127.0.0.1:{web}/")
    with lemon:
        more = f'[cas]\nurl = "{lemon.url}/cas/"\n[oidc]\nissuer = "{lemon.url}"\nclient = "{CLIENT}"\nsecret_file = "secret"\nname = "Citron"\n'
        people = [f"dwho;Doctor Who;dwho@{DOMAIN};;"]
        with PortalServer(
            root,
            {"main": "2027-04-27 09:00"},
            people,
            more=more,
            sign_on=("cas", "oidc"),
            web=web,
            database=database_for(request.param),
        ) as server:
            yield server, lemon


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(locale="fr-FR")


def through(page: Page, server: PortalServer, way: str, user: str) -> None:
    """From the portal's sign-on to the provider's form, and what comes of it."""
    page.goto(server.url_of("/sign-on?next=/credentials"))
    page.locator("a.btn" if way == "cas" else ".ways form button").click()
    page.locator("input[name=user]").fill(user)
    page.locator("input[name=password]").fill(user)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(re.compile(re.escape(server.url_of("/"))))


@pytest.mark.parametrize("way", ["cas", "oidc"])
def test_who_is_on_the_list_comes_in_where_they_wanted_to_go(
    both: tuple[PortalServer, PrivateLemon], page: Page, way: str
) -> None:
    server, _ = both
    through(page, server, way, "dwho")
    expect(page).to_have_url(server.url_of("/credentials"))
    expect(page.locator("h1")).to_have_text("Mes identifiants")


@pytest.mark.parametrize("way", ["cas", "oidc"])
def test_who_is_not_is_told_so(both: tuple[PortalServer, PrivateLemon], page: Page, way: str) -> None:
    server, _ = both
    through(page, server, way, "rtyler")
    expect(page.locator("h1")).to_have_text("Vous n’êtes pas sur la liste")
    expect(page.locator("main")).to_contain_text("rtyler")
    page.goto(server.url_of("/credentials"))
    assert "/sign-on" in page.url


@pytest.mark.parametrize(
    "path", ["/sign-on/cas?ticket=ST-forged", "/sign-on/oidc/institution/login/callback/?code=forged&state=forged"]
)
def test_a_forged_answer_lets_nobody_in(both: tuple[PortalServer, PrivateLemon], path: str) -> None:
    server, _ = both
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(server.url_of(path), timeout=20)
    assert refused.value.code in (403, 502)
    assert "La connexion n’a pas abouti" in refused.value.read().decode()


def test_a_provider_that_is_away_is_said_to_be(both: tuple[PortalServer, PrivateLemon]) -> None:
    server, lemon = both
    lemon.stop()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(server.url_of("/sign-on/cas?ticket=ST-1"), timeout=20)
    assert refused.value.code == 502
    assert "ne répond pas" in refused.value.read().decode()
