"""`bascule account` and `bascule check --account`, as an administrator types them: what is not right is refused with a sentence, and what was done is said."""

import contextlib
import json
from pathlib import Path

import pytest

from bascule.platform.accounts import EmbeddedAccounts
from support.command import bascule
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue


class Installation:
    """Without a server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "bascule.toml").write_text('[server]\ndata = "data"\nhostname = "mail.example.org"\n')
        self.run("add", ANNA, "--name", "Anna", "--alias", "A.B@example.org")

    def run(self, *words: str, status: int = 0) -> str:
        done = bascule(self.root, "account", "--config", self.root / "bascule.toml", *words, status=status)
        return done.stdout + done.stderr

    def accounts(self) -> contextlib.closing[EmbeddedAccounts]:
        return contextlib.closing(EmbeddedAccounts(self.root / "data/accounts.sqlite"))


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_it_says_what_is_kept(here: Installation) -> None:
    assert "bob.l@example.org is added." in here.run("add", "Bob.L@Example.ORG")


def test_a_quota_has_a_unit_and_is_shown_with_one(here: Installation) -> None:
    for wrong in ("5", "banana", "5 apples", ""):
        for words in (("quota", ANNA, wrong), ("add", "eve@example.org", "--quota", wrong)):
            said = here.run(*words, status=2)
            assert f"“{wrong}” is not a quota." in said
            assert "“500 MB” or “5 GB”" in said
    assert "eve@" not in here.run("list")
    for told, shown in (("5 GB", "5 GB"), ("1500k", "1.5 MB"), ("700 B", "700 B"), ("1 MiB", "1.049 MB")):
        assert f"{ANNA}: {shown}." in here.run("quota", "a.b@example.org", told)
        assert f"quota {shown};" in here.run("list")
    assert "no limit" in here.run("quota", ANNA, "None")
    assert "quota" not in here.run("list")


def test_a_password_that_is_brought_has_eight_characters(here: Installation) -> None:
    for words in (("passwd", ANNA), ("add", "eve@example.org")):
        (here.root / "password").write_text("abcdefg\n")
        said = here.run(*words, "--password-file", str(here.root / "password"), status=2)
        assert "has 7 characters; it needs 8 at least" in said
        (here.root / "password").write_text("abcdefgh\n")
        here.run(*words, "--password-file", str(here.root / "password"))


def test_a_name_and_aliases_are_changed(here: Installation) -> None:
    said = here.run("change", "a.b@example.org", "--name", "Anne", "--alias", "New@example.org", "--without-alias", "a.b@example.org")  # fmt: skip
    assert f"{ANNA}: Anne; also new@example.org." in said
    assert "Anne\talso new@example.org" in here.run("list")
    assert "Say what to change" in here.run("change", ANNA, status=2)
    assert "anna@example.org is taken: it is an account." in here.run(
        "add", "eve@example.org", "--alias", ANNA, status=2
    )


def test_lockouts_are_lifted_of_whom_there_is(here: Installation) -> None:
    with here.accounts() as accounts:
        for number in range(3):
            accounts.attempts.was_wrong(ANNA, f"guess {number}", "203.0.113.9")
        accounts.attempts.was_wrong("nobody@example.org", "guess", "203.0.113.9")
    assert "There is no account rubbish" in here.run("lockouts", "--lift", "rubbish", status=2)
    assert f"{ANNA}: 3 wrong passwords forgotten." in here.run("lockouts", "--lift", "A.B@example.org")
    assert "nobody@example.org: 1 wrong password forgotten." in here.run("lockouts", "--lift", "nobody@example.org")
    for place in ("203.0.113.9", "2001:db8::/64"):
        assert f"{place}: 0 wrong passwords forgotten." in here.run("lockouts", "--lift", place)


def test_one_persons_mailbox_is_checked_by_address(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path, accounts=(ANNA, "bob@example.org")) as server:
        session = Dialogue(server.imap)
        session.ok(f"LOGIN {ANNA} {PASSWORD}")
        words = ("check", "--config", server.config)
        assert f"{ANNA} is sound." in bascule(tmp_path, *words, "--account", ANNA).stdout
        assert json.loads(bascule(tmp_path, *words, "--account", ANNA, "--json").stdout)["sound"]
        session.close()
        refusals = {
            "holds mailboxes, and is none": (tmp_path / "data/mailboxes",),
            "There is no account eve@example.org": ("--account", "eve@example.org"),
            "has no mailbox yet": ("--account", "bob@example.org"),
            "or --account ADDRESS": (),
            "Name a mailbox on disk": (tmp_path, "--account", ANNA),
        }
        for sentence, more in refusals.items():
            assert sentence in bascule(tmp_path, *words, *more, status=2).stderr


def test_when_lock_returns_it_is_so(tmp_path: Path) -> None:
    """Two processes: whichever has the session."""
    with PrivateBascule(tmp_path, processes=2) as server:
        words = ("account", "--config", server.config, "lock", ANNA)
        for _ in range(3):
            session, waiting = Dialogue(server.imap), Dialogue(server.imap)
            for each in (session, waiting):
                each.ok(f"LOGIN {ANNA} {PASSWORD}")
                each.ok("SELECT INBOX")
            waiting.begin("IDLE")
            waiting.continuation()
            bascule(tmp_path, *words)
            session.begin("NOOP")
            assert session.untagged().startswith(b"* BYE")
            assert waiting.untagged().startswith(b"* BYE")
            bascule(tmp_path, *words, "--undo")
            again = Dialogue(server.imap)
            again.ok(f"LOGIN {ANNA} {PASSWORD}")
            again.ok("SELECT INBOX")
            again.close()
            for each in (session, waiting):
                each.close()


def test_the_log_tells_who_signed_in_and_who_did_not(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path) as server:
        session = Dialogue(server.imap)
        session.do(f"LOGIN {ANNA} geheim-{PASSWORD}")
        session.ok(f"LOGIN {ANNA} {PASSWORD}")
        session.close()
        with SmtpDialogue(server.ports["submission"]) as submission:
            submission.login(ANNA)
        bascule(tmp_path, "account", "--config", server.config, "lock", ANNA)
        session = Dialogue(server.imap)
        session.do(f"LOGIN {ANNA} {PASSWORD}")
        session.close()
        lines = [json.loads(line) for line in server.log().splitlines() if "sign-in" in line]
    told = [(line["event"], line["account"], line["peer"], line["service"], line.get("why")) for line in lines]
    assert told == [
        ("sign-in-refused", ANNA, "127.0.0.1", "imap", "wrong"),
        ("sign-in", ANNA, "127.0.0.1", "imap", None),
        ("sign-in", ANNA, "127.0.0.1", "submission", None),
        ("sign-in-refused", ANNA, "127.0.0.1", "imap", "locked"),
    ]
    assert PASSWORD not in server.log()
