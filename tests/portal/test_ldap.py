"""Sign-on by a real slapd, and the list of members that it has."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar

import pytest

from bascule.portal.configuration import PortalSettings, read_portal_settings
from support.command import bascule
from support.portal import DOMAIN, Portal
from support.portal_server import PortalServer
from support.postgresql import database_for
from support.slapd import BASE, READER, PrivateSlapd

pytestmark = [pytest.mark.needs("slapd"), pytest.mark.needs("postgresql"), pytest.mark.xdist_group("ldap")]


@pytest.fixture(scope="module")
def directory() -> Iterator[PrivateSlapd]:
    with PrivateSlapd({"anna": "secret é", "stranger": "secret", "paul": "secret"}) as started:
        yield started


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(
    directory: PrivateSlapd, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[PortalServer]:
    root = tmp_path_factory.mktemp("ldap")
    (root / "reader").write_text("reader-secret\n")
    more = (
        f'[ldap]\nuri = "{directory.uri}"\nbase = "ou=people,{BASE}"\nbind_dn = "{READER}"\npassword_file = "reader"\n'
    )
    people = [f"anna;Anna;anna@{DOMAIN};;", f"paul;Paul;paul@{DOMAIN};;"]
    database = database_for(request.param)
    with PortalServer(
        root, {"main": "2027-04-27 09:00"}, people, more=more, sign_on=("ldap",), database=database
    ) as started:
        yield started


def sign_on(server: PortalServer, name: str, password: str) -> tuple[int, str]:
    """Status and page."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = opener.open(server.url_of("/sign-on"), timeout=20).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token
    told = urllib.parse.urlencode({"username": name, "password": password, "csrfmiddlewaretoken": token[1]}).encode()
    request = urllib.request.Request(server.url_of("/sign-on"), told, {"Referer": server.url_of("/sign-on")})
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_who_is_on_the_list_comes_in(server: PortalServer) -> None:
    status, page = sign_on(server, "anna", "secret é")
    assert status == 200
    assert "Bonjour, Anna" in page
    assert sign_on(server, "ANNA", "secret é")[0] == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("anna", "wrong"),
        ("anna", ""),
        ("nobody", "secret"),
        ("*", "secret"),
        ("anna)(uid=*", "secret"),
        ("a*", "secret é"),
    ],
)
def test_who_does_not(server: PortalServer, name: str, password: str) -> None:
    status, page = sign_on(server, name, password)
    assert status in (200, 403)
    assert "Bonjour" not in page


def test_a_name_that_nobody_has_is_asked_for_as_long(
    portal: Portal, server: PortalServer, directory: PrivateSlapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bascule.portal.sign_on import ldap

    asked: list[str] = []
    connect = ldap.connect

    def counted(settings: PortalSettings, user: str, password: str) -> object:
        asked.append(user)
        return connect(settings, user, password)

    monkeypatch.setattr(ldap, "connect", counted)
    for name in ("anna", "nobody"):
        assert ldap.sign_on_of(read_portal_settings(server.config), name, "wrong") is None
    assert [user.endswith(f",ou=people,{BASE}") for user in asked] == [True, True]
    assert ldap.sign_on_of(read_portal_settings(server.config), "anna", "secret é") == "anna"


def test_who_is_not_on_the_list_is_told_so(server: PortalServer) -> None:
    status, page = sign_on(server, "stranger", "secret")
    assert status == 403
    assert "Vous n’êtes pas sur la liste" in page


def test_a_directory_that_is_away_is_no_wrong_password(server: PortalServer, directory: PrivateSlapd) -> None:
    directory.stop()
    try:
        for _ in range(12):
            status, page = sign_on(server, "paul", "secret")
            assert status == 503
        assert "Votre mot de passe n’est pas en cause" in page
    finally:
        directory.start()
    assert sign_on(server, "paul", "secret")[0] == 200, "and nothing was counted"


def test_the_directorys_list_is_compared_saved_and_brought_in(server: PortalServer) -> None:
    """On the command line: what it has of each person, in the columns that the settings name; again, nothing changes."""
    saved = server.root / "saved.csv"
    told = campaign(server, "--ldap", "--dry-run", "--save", saved, "--json")
    changes = {each["address"]: each for each in json.loads(told.stdout)["changes"]}
    assert changes[f"stranger@{DOMAIN}"]["change"] == "new"
    assert ["office", "", "Sciences"] in changes[f"anna@{DOMAIN}"]["fields"]
    assert saved.read_text("utf-8").splitlines()[1] == f"anna;Anna;anna@{DOMAIN};;Sciences;Campus Nord;en;"
    assert sign_on(server, "stranger", "secret")[0] == 403
    campaign(server, "--ldap")
    assert "3 same" in campaign(server, "--ldap", "--dry-run").stdout
    assert sign_on(server, "stranger", "secret")[0] == 200, "who is on the list comes in"


def test_a_directory_that_is_away_or_finds_nobody_changes_nothing(
    server: PortalServer, directory: PrivateSlapd
) -> None:
    config = server.config.read_text()
    try:
        server.config.write_text(config.replace("[ldap]", '[ldap]\nmembers = "(uid=nobody)"'))
        told = campaign(server, "--ldap", "--complete", status=2)
        assert "finds nobody by (uid=nobody)" in told.stderr
    finally:
        server.config.write_text(config)
    directory.stop()
    try:
        assert "can't be asked" in campaign(server, "--ldap", "--complete", status=2).stderr
    finally:
        directory.start()


def campaign(server: PortalServer, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    return bascule(server.root, "campaign", "--config", server.config, "members", *words, status=status)
