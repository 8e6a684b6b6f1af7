"""The same tests on PostgreSQL; and what mail programs are told while it restarts."""

import imaplib
import os
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.long_work import LongWork
from support.portal import DOMAIN, T
from support.portal_server import PortalServer
from support.postgresql import PrivatePostgres

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.xdist_group("postgresql")]  # among the first: it is long
HERE = Path(__file__).parent
SAME = (  # those in which the database has a say
    "test_accounts.py",
    "test_control.py",
    "test_credentials.py",
    "test_home.py",
    "test_jobs.py",
    "test_members.py",
    "test_new_platforms.py",
    "test_prepared.py",
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivatePostgres]:
    with PrivatePostgres() as started:
        yield started


def test_the_same_tests(postgres: PrivatePostgres, tmp_path: Path) -> None:
    variables = {**os.environ, "BASCULE_TEST_DATABASE": postgres.create("same"), "PYTEST_ADDOPTS": ""}
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_CURRENT_TEST"):
        variables.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={tmp_path / 'inner'}",
         *(str(HERE / name) for name in SAME), "-k", "not database_is_away and not killed and not no_door_disagrees"],
        capture_output=True, text=True, timeout=2000, check=False, env=variables, cwd=HERE.parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in done.stdout


def test_mail_goes_on_while_the_database_restarts(postgres: PrivatePostgres, tmp_path: Path) -> None:
    """Who was known is let in, T comes, mail is taken; pages say that they can't, and come back by themselves."""
    anna = f"anna@{DOMAIN}"
    server = PortalServer(
        tmp_path, {"main": "2027-04-27 09:00"}, [f"anna;Anna;{anna};;"], database=postgres.create("restarts")
    )
    server.move_to(T - timedelta(minutes=10))  # however long a server takes to start here
    password = server.run("campaign", "show", anna).strip()
    with server:
        postgres.stop()
        try:
            with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
                imaplib.IMAP4("127.0.0.1", server.ports["imap"]).login(anna, password)
            server.move_to(T)
            imaplib.IMAP4("127.0.0.1", server.ports["imap"]).login(anna, password)
            with smtplib.SMTP("127.0.0.1", server.ports["smtp"]) as client:
                client.sendmail("x@elsewhere.example", [anna], b"Subject: during\r\n\r\ntext\r\n")
            with smtplib.SMTP("127.0.0.1", server.ports["submission"]) as client:
                client.login(anna, password)
            assert status_of(server, "/health/ready") == 503
            assert status_of(server, "/health/alive") == 200
            assert status_of(server, "/") == 503
        finally:
            postgres.start()
        assert status_of(server, "/health/ready") == 200
        assert status_of(server, "/") == 200
        (tmp_path / "list.csv").write_text(f"sign_on;name;address\npaul;Paul;paul@{DOMAIN}\n", "utf-8")
        with LongWork(server.config) as work:
            told = work.until_over(work.ask("import-members", tmp_path / "list.csv"), 120)
        assert told["state"] == "done", "workers are back by themselves as well"


def status_of(server: PortalServer, path: str) -> int:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(server.url_of(path), timeout=20) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
