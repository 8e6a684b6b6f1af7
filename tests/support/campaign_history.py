"""A mailbox that moves over several nights while people live on both sides: everything that a report has to tell happens once."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import messages, varied
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot
from support.kinds import USER, Place
from support.person import Person
from support.proxy import Proxy

KEYWORD = "a-keyword-that-is-longer-than-the-new-platform-takes-" + "x" * 20
NIGHTS = {"first": "en", "cut": "fr", "closed": "fr", "delta": "en", "last": "fr"}
"""Each night, and the language of its report."""


@dataclass
class History:
    """``reports``: what each night's run printed; ``status``: with which exit status it ended; ``verified``: what
    `bascule verify` said in the end."""

    root: Path
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    verified: subprocess.CompletedProcess[str] | None = None

    @property
    def state(self) -> Path:
        return self.root / "state"

    def page(self, night: str) -> Path:
        return self.root / night / "report.html"

    def _run(self, night: str, old: PrivateDovecot, url: str) -> None:
        done = bascule(
            self.root, "copy", old.url(USER), url, "--json", "--quiet", "--state", self.state, "--report", self.root / night,
            "--language", NIGHTS[night], "--mend", "--settle", "0.2", status=None,
        )  # fmt: skip
        self.reports[night], self.status[night] = report_of(done), done.returncode


def live(root: Path) -> History:
    """Play it, with five runs."""
    history = History(root)
    long_keywords = "mail_max_keyword_length = 100\n"
    with (
        PrivateDovecot(root / "old", format="maildir", separator=".", acl=True, settings=long_keywords) as old,
        PrivateDovecot(root / "new") as new,
        Proxy(new.port) as proxy,
    ):
        url = f"imap://{USER}@127.0.0.1:{proxy.port}"
        _old_mailbox(old)
        history._run("first", old, url)
        with _at(old) as them:
            them.add("INBOX", range(100, 140))
            them.mark("INBOX", 1, "\\Flagged")
        proxy.faults.cut_up = proxy.up + 20_000
        history._run("cut", old, url)
        _member(new)
        with _at(old) as them:
            them.add("Archive.2014", range(260, 262))
            them.delete("Archive.2014", 200)
            them.move("Archive.2014", 201, "Projets")
            them.mark("INBOX", 3, "\\Seen")
            them.mark("INBOX", 4, "\\Flagged")
            them.add("Projets", range(330, 332))
            them.add("Archive.2015", range(270, 272))
            them.leave_rights("Archive.2015", "la")
        history._run("closed", old, url)
        with _at(old) as them:
            them.leave_rights("Archive.2015", "lrswipkxtea")
        history._run("delta", old, url)
        with _at(old) as them:
            them.delete("Vide", 90)
        history._run("last", old, url)
        history.verified = bascule(
            root, "verify", old.url(USER), url, "--json", "--state", history.state, "--quiet", status=None
        )  # fmt: skip
    return history


def _old_mailbox(old: PrivateDovecot) -> None:
    with _at(old) as them:
        them.add("INBOX", range(30))
        them.add("Archive.2014", range(200, 212))
        them.add("Archive.2015", range(220, 232))
        them.add("Projets", range(300, 310))
        them.add("Vide", range(90, 91))
        assert varied.append(them.client, b"INBOX", messages.plain(50), f"({KEYWORD})")
    box = old.root / "mail" / USER / "Maildir" / "cur"
    (box / "1.empty.host:2,S").write_bytes(b"")


def _member(new: PrivateDovecot) -> None:
    with _at(new) as member:
        member.mark("INBOX", 3, "\\Flagged")
        member.delete("INBOX", 4)
        member.delete("INBOX", 5)
        member.rename("Projets", "Projets en cours")


def _at(server: PrivateDovecot) -> Person:
    return Person(Place("", server.port))
