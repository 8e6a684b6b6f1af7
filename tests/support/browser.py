"""The system's Chromium, driven; each page is looked at by axe (WCAG 2.2 A and AA) when asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
# The pages that tests look at are on this machine; what Chromium asks for of its own (updates, field trials, names to see whether DNS lies)
# would be asked of the world.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-features=OptimizationHints,MediaRouter,DialMediaRouteProvider",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_ARGUMENTS)
        yield browser
        browser.close()


def violations(page: Page) -> list[str]:
    """What axe finds, with where. A click returns before the next page has come: what axe was looking at is then gone, and it looks again."""
    for tries_left in (3, 2, 1, 0):
        page.wait_for_load_state()
        try:
            page.evaluate("window.looked_at = true")
            found = Axe().run(page, options=_RULES).response["violations"]
            if page.evaluate("window.looked_at === true"):
                return [
                    f"{page.url}: {each['id']}: {each['help']} ({node['html'][:120]})"
                    for each in found
                    for node in each["nodes"]
                ]
        except Error:
            if not tries_left:
                raise
    raise AssertionError(f"{page.url} never stands still")
