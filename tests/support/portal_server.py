"""A whole installation with a portal, as a program: `bascule serve` on free ports of loopback, its clock ours to move."""

import socket
import time
import urllib.request
from datetime import datetime
from pathlib import Path

from bascule.platform.clock import Clock
from support.command import bascule
from support.portal import DOMAIN, PASSWORD, configuration
from support.portal_database import make_database
from support.server import PrivateBascule

_LISTENING = (
    '[imap]\nlisten = ["127.0.0.1:0"]\n[smtp]\nlisten = ["127.0.0.1:0"]\n[submission]\nlisten = ["127.0.0.1:0"]\n'
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PortalServer(PrivateBascule):
    """Use as a context manager. ``members``: lines of the list, after the headings ``sign_on;name;address;wave;role``; ``of``: another server, whose portal
    this one is a further node of."""

    def __init__(self, root: Path, waves: dict[str, str], members: list[str], *, more: str = "", sign_on: tuple[str, ...] = ("local",), database: str | None = None, web: int | None = None, node: str | None = None, of: "PortalServer | None" = None) -> None:  # fmt: skip
        super().__init__(root, accounts=())
        self.web = web or free_port()
        text = configuration(port=self.web, more=_LISTENING + more, sign_on=sign_on, database=database)
        if node:
            text = text.replace("[server]\n", f'[server]\nnode = "{node}"\n')
        if of:
            text = text.replace("[portal]\n", f'[portal]\nkeys = "{of.root / "data/keys/portal.json"}"\n')
        self.config.write_text(text)
        self.clock = Clock(root / "clock")
        if database is None and waves:
            make_database(root)
        for name, switch in waves.items():
            self.run("campaign", "init", switch, "--wave", name)
        if members:
            self.bring_in(members, next(iter(waves), "main"))
        (root / "password").write_text(PASSWORD + "\n")

    def bring_in(self, members: list[str], wave: str = "main") -> None:
        (self.root / "members.csv").write_text("\n".join(["sign_on;name;address;wave;role", *members]), "utf-8")
        self.run("campaign", "members", self.root / "members.csv", "--wave", wave)
        self.run("campaign", "provision")

    def run(self, *words: object) -> str:
        group, *rest = words
        return bascule(self.root, group, "--config", self.config, *rest).stdout

    def local(self, sign_on: str) -> None:
        """Let them sign on with `PASSWORD`."""
        self.run("campaign", "password", sign_on, "--password-file", self.root / "password")

    def start(self) -> None:
        super().start()
        for _ in range(2000):
            try:
                with urllib.request.urlopen(f"{self.url_of('/health/ready')}", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(self.log())

    def url_of(self, path: str) -> str:
        return f"http://127.0.0.1:{self.web}{path}"

    def move_to(self, instant: datetime) -> None:
        self.clock.move_to(instant.timestamp())

    def mail_password(self, login: str) -> str:
        """Out of its database, as only a test may."""
        import sqlite3

        from bascule.portal.keys import Keys

        with sqlite3.connect(self.root / "data/portal.sqlite") as database:
            (sealed,) = database.execute("SELECT shown FROM directory_mailbox WHERE login = ?", (login,)).fetchone()
        return Keys.at(self.root / "data/keys/portal.json").open(sealed)


__all__ = ["DOMAIN", "PASSWORD", "PortalServer", "free_port"]
