"""The system's Chromium, driven; each page is looked at by axe (WCAG 2.2 A and AA) when asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


def violations(page: Page) -> list[str]:
    """What axe finds, with where."""
    found = Axe().run(page, options=_RULES).response["violations"]
    return [
        f"{page.url}: {each['id']}: {each['help']} ({node['html'][:120]})" for each in found for node in each["nodes"]
    ]
