"""The portal under an institution: its list brought in, its pages with many readers, and the rush at T.

``python bench/portal.py [--members 10000] [--readers 50] [--sign-ins 2000]`` prints how long import and provisioning take, how long pages take with so many readers
at once (who take a second between two, or none at all), and, within a minute from T on, how long a first sign-in takes over IMAP, submission and the web.
"""

import argparse
import asyncio
import base64
import random
import re
import sqlite3
import sys
import tempfile
import time
import urllib.parse
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "src")]

from bascule.portal.keys import Keys  # noqa: E402
from support.portal_server import DOMAIN, PASSWORD, PortalServer  # noqa: E402

T = datetime(2027, 4, 27, 7, 0, tzinfo=UTC)
SECONDS = 60.0
SECONDS_OF_READING = 10.0


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def line(what: str, value: str) -> None:
    print(f"{what:72} {value:>12}", flush=True)


class Browser:
    """One person's: keeps its cookies, opens a connection for each page."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    async def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        body = urllib.parse.urlencode(form).encode() if form is not None else b""
        head = [
            f"{'POST' if form is not None else 'GET'} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Connection: close",
        ]
        if self.cookies:
            head.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if form is not None:
            head += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        answer = (await reader.read()).decode("utf-8", "replace")
        writer.close()
        for name, value in re.findall(r"(?im)^set-cookie: ([^=]+)=([^;]*)", answer.partition("\r\n\r\n")[0]):
            self.cookies[name] = value
        return int(answer.split(" ", 2)[1]), answer

    async def sign_on(self, name: str, password: str) -> int:
        _, page = await self.ask("/sign-on")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token
        status, _ = await self.ask(
            "/sign-on", {"username": name, "password": password, "csrfmiddlewaretoken": token[1]}
        )
        return status


async def read_pages(server: PortalServer, readers: int, pause_seconds: float) -> None:
    """``pause_seconds``: between a page and the next, of each reader."""
    chance = random.Random(20261124)
    manner = f"{readers} readers, {pause_seconds:g} s between pages"
    for path in ("/", "/credentials", "/personal-data"):
        took: list[float] = []
        browsers = []
        for number in range(readers):
            browser = Browser(server.web)
            assert await browser.sign_on(f"m{number}", PASSWORD) == 302
            browsers.append(browser)
        until = time.monotonic() + SECONDS_OF_READING

        async def go_on(browser: Browser, path: str = path, until: float = until, took: list[float] = took) -> None:
            await asyncio.sleep(chance.uniform(0, 2 * pause_seconds))  # readers do not arrive in step
            while time.monotonic() < until:
                began = time.monotonic()
                status, _ = await browser.ask(path)
                assert status == 200
                took.append(time.monotonic() - began)
                await asyncio.sleep(chance.uniform(0, 2 * pause_seconds))

        await asyncio.gather(*map(go_on, browsers))
        line(f"{path}, {manner}, pages/s", f"{len(took) / SECONDS_OF_READING:.0f}")
        line(f"{path}, {manner}, 95th percentile", f"{percentile(took, 0.95) * 1000:.0f} ms")


async def read_at_once(server: PortalServer, readers: int) -> None:
    """All ask in the same instant, ten times."""
    browsers = [Browser(server.web) for _ in range(readers)]
    for number, browser in enumerate(browsers):
        assert await browser.sign_on(f"m{number}", PASSWORD) == 302
    for path in ("/", "/credentials", "/personal-data"):
        took: list[float] = []

        async def once(browser: Browser, path: str = path, took: list[float] = took) -> None:
            began = time.monotonic()
            status, _ = await browser.ask(path)
            assert status == 200
            took.append(time.monotonic() - began)

        for _ in range(10):
            await asyncio.gather(*map(once, browsers))
            await asyncio.sleep(0.5)
        line(
            f"{path}, {readers} readers in the same instant, 95th percentile", f"{percentile(took, 0.95) * 1000:.0f} ms"
        )


async def imap(port: int, login: str, password: str) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(f"a LOGIN {login} {password}\r\nb SELECT INBOX\r\n".encode())
    signed_in = (await reader.readline()).startswith(b"a OK")
    while signed_in and not (told := await reader.readline()).startswith(b"b "):
        if not told:
            return False
    writer.close()
    return signed_in


async def submission(port: int, login: str, password: str) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"EHLO bench\r\n")
    while (await reader.readline())[3:4] == b"-":
        pass
    writer.write(b"AUTH PLAIN " + base64.b64encode(f"\0{login}\0{password}".encode()) + b"\r\n")
    signed_in = (await reader.readline()).startswith(b"235")
    writer.close()
    return signed_in


async def web(port: int, login: str, password: str) -> bool:
    return await Browser(port).sign_on(login, password) == 302


async def rush(server: PortalServer, passwords: dict[str, str], count: int) -> None:
    """Everybody once by each way, at an instant of their own within a minute."""
    chance = random.Random(20261124)
    took: dict[str, list[float]] = {"IMAP, INBOX open": [], "submission": [], "web": []}
    refused: dict[str, int] = dict.fromkeys(took, 0)
    ways = {
        "IMAP, INBOX open": (imap, server.ports["imap"]),
        "submission": (submission, server.ports["submission"]),
        "web": (web, server.web),
    }

    async def one(way: str, login: str) -> None:
        await asyncio.sleep(chance.uniform(0, SECONDS))
        attempt, port = ways[way]
        began = time.monotonic()
        if await attempt(port, login, passwords[login]):
            took[way].append(time.monotonic() - began)
        else:
            refused[way] += 1

    server.move_to(T)
    await asyncio.gather(*(one(way, f"m{number}@{DOMAIN}") for number in range(count) for way in ways))
    for way, values in took.items():
        line(f"{count} first sign-ins in {SECONDS:.0f} s, {way}: refused", str(refused[way]))
        line(
            f"{count} first sign-ins in {SECONDS:.0f} s, {way}: 95th percentile",
            f"{percentile(values, 0.95) * 1000:.0f} ms",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--sign-ins", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bascule-bench-portal-") as place:
        root = Path(place)
        server = PortalServer(root, {"main": "2027-04-27 09:00"}, [])
        people = [f"m{n};Member {n};m{n}@{DOMAIN};;" for n in range(options.members)]
        (root / "list.csv").write_text("\n".join(["sign_on;name;address;wave;role", *people]))
        began = time.monotonic()
        server.run("campaign", "members", root / "list.csv")
        imported = time.monotonic()
        server.run("campaign", "provision")
        line(f"{options.members} members brought in", f"{imported - began:.1f} s")
        line(f"{options.members} members made ready", f"{time.monotonic() - imported:.1f} s")
        began = time.monotonic()
        server.run("campaign", "members", root / "list.csv", "--dry-run")
        line(f"{options.members} members compared, nothing to do", f"{time.monotonic() - began:.1f} s")
        for number in range(options.readers):
            server.local(f"m{number}")
        keys = Keys.at(root / "data/keys/portal.json")
        with sqlite3.connect(root / "data/portal.sqlite") as database:
            shown = database.execute("SELECT login, shown FROM directory_mailbox WHERE shown <> ''").fetchall()
        passwords = {login: keys.open(sealed) for login, sealed in shown}
        server.move_to(T - timedelta(days=1))
        with server:
            for pause_seconds in (1.0, 0.0):
                asyncio.run(read_pages(server, options.readers, pause_seconds))
            asyncio.run(read_at_once(server, options.readers))
            if options.sign_ins:
                asyncio.run(rush(server, passwords, options.sign_ins))


if __name__ == "__main__":
    main()
