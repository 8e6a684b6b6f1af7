"""An installation's first portal: what the README says, to the letter; and accounts that were there before it."""

import contextlib
import csv
import imaplib
import re
import shlex
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from bascule.platform.settings_file import as_endpoint
from bascule.portal.configuration import read_portal_settings
from support.command import bascule
from support.portal import configuration
from support.portal_server import PortalServer, free_port
from support.server import PrivateBascule

README = Path(__file__).parents[2] / "README.md"
ANNA, OFFICE = "anna@example.org", "office@example.org"


def signed_on(server: PortalServer, name: str, password: str) -> bool:
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(server.url_of("/sign-on"), timeout=30).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    told = urlencode({"username": name, "password": password, "csrfmiddlewaretoken": token[1]}).encode()
    try:
        browser.open(server.url_of("/sign-on"), told, timeout=30)
    except HTTPError:
        return False
    return browser.open(server.url_of("/credentials"), timeout=30).url.endswith("/credentials")


def told_by_the_readme() -> list[list[str]]:
    """The commands of “Run the portal”, without their comments."""
    section = README.read_text("utf-8").partition("## Run the portal\n")[2].partition("\n## ")[0]
    block = next(block for block in re.findall(r"```\n(.*?)```", section, re.DOTALL) if "bascule campaign" in block)
    return [shlex.split(line, comments=True) for line in block.splitlines() if line]


def test_run_the_portal_to_the_letter_and_a_member_signs_on(tmp_path: Path) -> None:
    server = PortalServer(tmp_path / "mail", {}, [])
    (server.root / "list.csv").write_text("sign_on;name;address\nanna;Anna Martin;anna@example.org\n", "utf-8")
    told = told_by_the_readme()
    assert told[-1] == ["bascule", "serve"]
    for _, group, *words in told[:-1]:
        files = [server.root / word if word.endswith(".csv") else word for word in words]
        bascule(tmp_path, group, "--config", server.config, *files)
    [row] = csv.DictReader((server.root / "passwords.csv").open(encoding="utf-8-sig"), delimiter=";")
    assert (row["name"], row["sign_on"]) == ("Anna Martin", "anna")
    assert (server.root / "passwords.csv").stat().st_mode & 0o077 == 0
    with server:
        assert signed_on(server, "anna", row["password"])
        assert not signed_on(server, "anna", "another")
        assert "can't sign on" not in server.log()
    again = bascule(tmp_path, "campaign", "--config", server.config, "passwords", server.root / "again.csv")
    assert "Everybody has one." in again.stdout


def test_the_start_says_who_can_not_sign_on_and_no_passwords_are_written_over(tmp_path: Path) -> None:
    server = PortalServer(tmp_path / "mail", {"main": "2027-04-27 09:00"}, ["anna;Anna;anna@example.org;main;member"])
    with server:
        assert "1 member can't sign on to the portal" in server.log()
    (tmp_path / "taken.csv").write_text("precious")
    refused = bascule(tmp_path, "campaign", "--config", server.config, "passwords", tmp_path / "taken.csv", status=2)
    assert "is there already" in refused.stderr
    assert (tmp_path / "taken.csv").read_text() == "precious"


def test_accounts_of_before_the_portal_go_on(tmp_path: Path) -> None:
    """By the commands of the README: an account, an office that it shares, then a section [portal]."""
    before = PrivateBascule(tmp_path / "mail", accounts=())
    words = ("account", "--config", before.config)
    password = re.search(
        r"Its password: (\S+)",
        bascule(tmp_path, *words, "add", ANNA, "--name", "Anna Martin", "--alias", "a@example.org").stdout,
    )
    assert password
    bascule(tmp_path, *words, "add", OFFICE)
    with before:
        bascule(tmp_path, *words, "share", OFFICE, ANNA, "--send")
        seen = folders(before, password[1])
    web = free_port()
    portal = configuration(port=web).partition("[portal]")[2]
    before.config.write_text(f"{before.config.read_text()}[portal]{portal}")
    after = PortalServer.__new__(PortalServer)
    after.__dict__.update(before.__dict__, web=web)
    with after:
        assert f"The portal took over 2 accounts of before: {ANNA}, {OFFICE}." in after.log()
        assert folders(after, password[1]) == seen
        assert signed_on(after, ANNA, password[1])
        listed = bascule(tmp_path, *words, "list").stdout
        assert "also a@example.org" in listed
        assert ANNA in bascule(tmp_path, *words, "shares", OFFICE).stdout
    with after:
        assert after.log().count("took over") == 1


def folders(server: PrivateBascule, password: str) -> list[bytes]:
    with imaplib.IMAP4("127.0.0.1", server.imap) as imap:
        imap.login(ANNA, password)
        return sorted(line for line in imap.list()[1] if isinstance(line, bytes))


def test_an_account_whose_address_is_somebody_elses_stays_behind_and_is_named(tmp_path: Path) -> None:
    server = PortalServer(tmp_path / "mail", {"main": "2027-04-27 09:00"}, [f"anna;Anna;{ANNA};main;member"])
    with contextlib.closing(server.accounts()) as store:
        store.add(ANNA, "secret", generated=True)
    told = bascule(tmp_path, "account", "--config", server.config, "list").stderr
    assert f"{ANNA}, of before the portal, stays behind" in told
    assert "mailboxes/" in told
    assert bascule(tmp_path, "account", "--config", server.config, "list").stderr == ""


@pytest.mark.parametrize(
    ("lines", "listens"),
    [
        ('url = "http://127.0.0.1:9025"', "127.0.0.1:9025"),
        ('url = "http://localhost:9025"', "127.0.0.1:9025"),
        ('url = "http://127.0.0.1:9025"\nlisten = ":80"', ":80"),
        ('url = "https://portal.example.org:8443"', "127.0.0.1:8025"),
        ("", "127.0.0.1:8025"),
    ],
)
def test_a_port_is_written_once(lines: str, listens: str, tmp_path: Path) -> None:
    config = tmp_path / "bascule.toml"
    config.write_text(f'[server]\ndata = "data"\n[portal]\n{lines}\n', "utf-8")
    assert read_portal_settings(config).listen == as_endpoint("", listens, tmp_path)
