"""In a real browser and with real mail clients, from before the opening instant to after T."""

import contextlib
import imaplib
import os
import re
import smtplib
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import chromium, violations
from support.portal_server import DOMAIN, PASSWORD, PortalServer

ANNA, PAUL = f"anna@{DOMAIN}", f"paul@{DOMAIN}"
T = datetime(2027, 4, 6, 7, 0, tzinfo=UTC)
"""9:00 in Paris, in summer time; the credentials opened in winter time."""
PILOTS = T - timedelta(days=7)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalServer]:
    patch = pytest.MonkeyPatch()
    patch.setenv("TZ", "America/New_York")  # where the machine stands does not count
    made = PortalServer(
        tmp_path_factory.mktemp("journey"), {"main": "2027-04-06 09:00", "pilots": "2027-03-30 09:00"},
        [f"anna;Anna Martin;{ANNA};;", f"paul;Paul Weber;{PAUL};pilots;", f"chloe;Chloé Roux;chloe@{DOMAIN};pilots;operator"],
    )  # fmt: skip
    for sign_on in ("anna", "paul", "chloe"):
        made.local(sign_on)
    with made:
        yield made
    patch.undo()


def test_the_parent_of_all_processes_holds_no_database_which_the_others_would_share(server: PortalServer) -> None:
    open_files = [os.readlink(each) for each in Path(f"/proc/{server.process}/fd").iterdir()]
    assert [file for file in open_files if ".sqlite" in file] == []
    assert list((server.root / "data/run/metrics").iterdir())  # pages are counted by all of them together


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(params=[("fr-FR", "light", 1280), ("en-GB", "dark", 360)], ids=["fr-light-wide", "en-dark-narrow"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    language, theme, width = request.param
    context = browser.new_context(locale=language, color_scheme=theme, viewport={"width": width, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    errors: list[str] = []
    page.on(
        "console",
        lambda message: (
            errors.append(message.text) if message.type == "error" and "status of" not in message.text else None
        ),
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    assert errors == []
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:"))] == [], (
        "nothing is asked of the outside"
    )
    context.close()


def sign_on(page: Page, server: PortalServer, name: str) -> None:
    page.goto(server.url_of("/sign-on"))
    page.get_by_role("textbox").first.fill(name)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#id_password").press("Enter")
    page.wait_for_url(server.url_of("/"))


def is_sound(page: Page) -> None:
    assert violations(page) == []
    too_wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not too_wide, f"{page.url} scrolls sideways"


@pytest.mark.needs("chromium")
def test_before_the_opening_instant_then_the_eve(server: PortalServer, page: Page) -> None:
    server.move_to(T - timedelta(days=15))
    page.goto(server.url_of("/"))
    is_sound(page)
    sign_on(page, server, "anna")
    is_sound(page)
    page.goto(server.url_of("/credentials"))
    is_sound(page)
    expect(page.locator("main")).to_contain_text(re.compile("23 mars à 8|23 March at 8:00"))
    assert page.locator("#password").count() == 0
    server.move_to(T - timedelta(days=1))
    page.goto(server.url_of("/"))
    is_sound(page)
    page.locator(".step a.btn").click()
    is_sound(page)
    secret = server.mail_password(ANNA)
    assert secret not in page.content()
    page.locator("#password form button").click()
    expect(page.locator("#secret")).to_have_text(secret)
    page.locator('[data-copy="secret"]').click()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.locator("#qr form button").click()
    expect(page.locator(".qr svg")).to_be_visible()
    is_sound(page)
    page.locator("details.device summary").first.click()
    is_sound(page)
    page.goto(server.url_of("/credentials/try"))
    page.locator("#id_password").fill("wrong")
    page.locator("main button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    is_sound(page)
    page.locator("#id_password").fill(secret)
    page.locator("main button").click()
    expect(page.locator("main [role=status]")).to_contain_text(re.compile("6 avril à 9|6 April at 9:00"))
    is_sound(page)


@pytest.mark.needs("chromium")
def test_the_operators_pages(server: PortalServer, page: Page) -> None:
    server.move_to(T - timedelta(days=1))
    sign_on(page, server, "chloe")
    for path in ("/control", "/control/members", "/control/members?only=unseen", "/control/waves/main", "/control/waves", "/control/banner", "/control/notes", "/control/list", "/control/mailboxes",
                 "/personal-data", "/sign-on/second-factor/", "/nope"):  # fmt: skip
        page.goto(server.url_of(path))
        is_sound(page)
    page.goto(server.url_of("/control/members?q=anna"))
    page.locator("table a").first.click()
    is_sound(page)
    page.locator('a[href$="/wave"]').click()
    is_sound(page)
    page.check("[value=pilots]")
    page.locator("main .btn-primary").click()
    is_sound(page)


@pytest.mark.needs("chromium")
def test_a_list_is_brought_in_and_watched_until_it_is_done(server: PortalServer, page: Page, tmp_path: Path) -> None:
    """By the worker that `bascule serve` runs; the page moves by itself. Then a mailbox is made ready, and a scanner's password shown."""
    server.move_to(T - timedelta(days=1))
    sign_on(page, server, "chloe")
    page.goto(server.url_of("/control/list"))
    scanner = f"scanner-{time.monotonic_ns()}@{DOMAIN}"
    file = tmp_path / "list.csv"
    file.write_text(f"sign_on;name;address;kind;owners\n;Scanner;{scanner};service;chloe\nbad;;x;;\n", "utf-8")
    page.set_input_files("#id_file", file)
    page.locator("form:has(#id_file) .btn-primary").click()
    page.wait_for_url(re.compile("/control/list/[0-9]+$"))
    is_sound(page)
    compared = page.url
    page.locator("main .btn-primary").click()
    page.wait_for_url(re.compile("/control/work/[0-9]+$"))
    is_sound(page)
    done = page.locator("main .btn-primary")  # it is there once the work is done
    expect(done).to_be_visible(timeout=15_000)
    is_sound(page)
    page.context.new_page().goto(compared)
    is_sound(page.context.pages[-1])
    page.context.pages[-1].close()
    done.click()
    page.wait_for_url(re.compile("/control/work/[0-9]+$"))
    page.locator('main a.btn[href="/control"]').click(timeout=15_000)
    page.goto(server.url_of("/control/mailboxes"))
    page.locator(f"tr:has-text('{scanner}') a").click()
    is_sound(page)
    page.locator("main .btn-primary").click()
    expect(page.locator("#secret")).to_have_text(server.mail_password(scanner))
    is_sound(page)
    page.goto(server.url_of("/"))
    page.locator('a[href^="/credentials/of/"]').first.click()
    is_sound(page)


@pytest.mark.needs("chromium")
def test_a_calendars_change_is_shown_before_it_is_made(server: PortalServer, page: Page) -> None:
    server.move_to(T - timedelta(days=1))
    sign_on(page, server, "chloe")
    page.goto(server.url_of("/control/waves/main"))
    page.locator("#id_switch").fill("2027-04-04T09:00")
    page.locator("main .btn-primary").click()
    is_sound(page)
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("main a.btn-quiet").click()
    expect(page.locator("#id_switch")).to_have_value("2027-04-06T09:00")


@pytest.mark.needs("chromium")
def test_everything_by_keyboard(server: PortalServer, page: Page) -> None:
    """Tab and Enter alone: skip link, sign-on, credentials, the password; and the focus is always seen."""
    server.move_to(T - timedelta(days=1))
    page.goto(server.url_of("/sign-on"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    _tab_to(page, "#id_username")
    page.keyboard.type("anna")
    _tab_to(page, "#id_password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(server.url_of("/"))
    _tab_to(page, 'a[href="/credentials"]')
    page.keyboard.press("Enter")
    page.wait_for_url(server.url_of("/credentials"))
    _tab_to(page, "#password form button")
    page.keyboard.press("Enter")
    expect(page.locator("#secret")).to_be_visible()


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert width != "0px", page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


# -- the doors at T ---------------------------------------------------------------------------------------------------


def _imap(server: PortalServer, login: str, password: str) -> str:
    client = imaplib.IMAP4("127.0.0.1", server.ports["imap"], timeout=20)
    try:
        client.login(login, password)
    except imaplib.IMAP4.error as error:
        return str(error)
    finally:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            client.logout()
    return ""


def _submission(server: PortalServer, login: str, password: str) -> str:
    with smtplib.SMTP("127.0.0.1", server.ports["submission"], timeout=20) as client:
        client.ehlo()
        try:
            client.login(login, password)
        except smtplib.SMTPAuthenticationError as error:
            return f"{error.smtp_code} {error.smtp_error.decode()}"
    return ""


def _web(server: PortalServer, login: str, password: str) -> str:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = opener.open(server.url_of("/sign-on"), timeout=20).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token
    told = urllib.parse.urlencode({"username": login, "password": password, "csrfmiddlewaretoken": token[1]}).encode()
    try:
        opener.open(
            urllib.request.Request(server.url_of("/sign-on"), told, {"Referer": server.url_of("/sign-on")}), timeout=20
        )
    except urllib.error.HTTPError as error:
        return f"{error.code}"
    return ""


DOORS: dict[str, Callable[[PortalServer, str, str], str]] = {"imap": _imap, "submission": _submission, "web": _web}
LATE_SECONDS = 0.1


def _refused_before_t(server: PortalServer, door: str, secret: str) -> str:
    """What is said at a door that is asked as near to T as this machine is fast: asked and answered before T."""
    for seconds in (1, 4, 16, 64):
        server.move_to(T - timedelta(seconds=seconds))
        said = DOORS[door](server, ANNA, secret)
        if server.clock() < T.timestamp():
            return said
    raise AssertionError(f"{door} does not answer within a minute")


def test_all_doors_open_at_t_and_not_a_second_before(server: PortalServer) -> None:
    """Each is tried without a pause over T: none lets in what was asked and answered before, none refuses what is asked from 100 ms after."""
    secret = server.mail_password(ANNA)
    said = _refused_before_t(server, "imap", secret)
    assert "UNAVAILABLE" in said
    assert "Tuesday 06 April 2027 at 09:00 (CEST)" in said
    assert _refused_before_t(server, "submission", secret).startswith("454 ")
    assert _refused_before_t(server, "web", secret) == "503"
    server.move_to(T - timedelta(seconds=2))
    told: list[tuple[str, float, float, bool]] = []

    def keep_trying(door: str) -> None:
        """For a second and a half after T, and at least once."""
        began = 0.0
        while began < T.timestamp() or server.clock() < T.timestamp() + 1.5:
            began = server.clock()
            came_in = DOORS[door](server, ANNA, secret) == ""
            told.append((door, began - T.timestamp(), server.clock() - T.timestamp(), came_in))
            time.sleep(0.01)

    threads = [threading.Thread(target=keep_trying, args=(door,)) for door in DOORS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each for each in told if each[3] and each[2] < 0] == []
    assert [each for each in told if not each[3] and each[1] > LATE_SECONDS] == []
    assert {name for name, _, _, came_in in told if came_in} == set(DOORS)


def test_the_pilots_come_in_earlier(server: PortalServer) -> None:
    server.move_to(PILOTS)
    for door in DOORS.values():
        assert door(server, PAUL, server.mail_password(PAUL)) == ""
        assert door(server, ANNA, server.mail_password(ANNA)) != ""


def test_not_yet_is_never_a_wrong_password(server: PortalServer) -> None:
    server.move_to(T - timedelta(hours=1))
    for _ in range(60):
        assert "UNAVAILABLE" in _imap(server, ANNA, server.mail_password(ANNA))
    server.move_to(T)
    assert _imap(server, ANNA, server.mail_password(ANNA)) == ""


def test_an_open_session_is_judged_again_at_its_next_command(server: PortalServer) -> None:
    """T is taken back while Anna reads: her session ends with its next command."""
    server.move_to(T)
    client = imaplib.IMAP4("127.0.0.1", server.ports["imap"], timeout=20)
    client.login(ANNA, server.mail_password(ANNA))
    client.select()
    server.move_to(T - timedelta(seconds=30))
    with pytest.raises(imaplib.IMAP4.abort, match="closed to you"):
        client.noop()


def test_nothing_secret_is_in_the_log(server: PortalServer) -> None:
    server.move_to(T)
    secret = server.mail_password(ANNA)
    _web(server, ANNA, secret)
    _web(server, ANNA, "typed-wrong-once")
    log = server.log()
    assert "serving" in log
    for hidden in (secret, "typed-wrong-once", PASSWORD):
        assert hidden not in log


def test_a_path_of_this_machine_is_in_no_page(server: PortalServer, tmp_path: Path) -> None:
    for path in ("/", "/nope", "/sign-on"):
        try:
            page = urllib.request.urlopen(server.url_of(path), timeout=20).read().decode()
        except urllib.error.HTTPError as error:
            page = error.read().decode()
        assert str(server.root) not in page
