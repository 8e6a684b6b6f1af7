"""Several machines with one portal: each mailbox has one home, whatever comes to the others; nobody finds a second, empty one."""

import email
import imaplib
import smtplib
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bascule.platform.node import keep_node, node_of
from bascule.terms.errors import BasculeError
from support.command import bascule
from support.portal import DOMAIN, T
from support.portal_server import PortalServer
from support.postgresql import PrivatePostgres

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.xdist_group("nodes")]
ANNA, PAUL = f"anna@{DOMAIN}", f"paul@{DOMAIN}"
PASSWORDS: dict[str, str] = {}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PortalServer, PortalServer]]:
    """Anna's mailbox is on the one, Paul's on the other, which hands what is not its own to the one."""
    root = tmp_path_factory.mktemp("nodes")
    with PrivatePostgres() as postgres:
        shared = postgres.create("nodes")
        one = PortalServer(
            root / "one", {"main": "2027-04-27 09:00"}, [f"anna;Anna;{ANNA};;"], database=shared, node="one"
        )
        with one:
            front = f'[queue]\nsmarthost = "127.0.0.1:{one.ports["smtp"]}"\n'
            two = PortalServer(root / "two", {}, [f"paul;Paul;{PAUL};;"], database=shared, node="two", of=one, more=front)  # fmt: skip
            for each in (one, two):
                each.move_to(T + timedelta(minutes=1))
            for login in (ANNA, PAUL):
                PASSWORDS[login] = one.run("campaign", "show", login).strip()
            with two:
                yield one, two


def wait_until_at_home(server: PortalServer, login: str) -> None:
    """Each of its processes looks for what another one changed every few hundredths of a second: that one knows says nothing of the next."""
    deadline = time.monotonic() + 10
    in_a_row = 0
    while in_a_row < 6:
        try:
            sign_in(server, login).logout()
            in_a_row += 1
        except imaplib.IMAP4.error:
            if time.monotonic() > deadline:
                raise
            in_a_row = 0
        time.sleep(0.02)


def sign_in(server: PortalServer, login: str) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", server.ports["imap"])
    client.login(login, PASSWORDS[login])
    return client


def subjects(server: PortalServer, login: str) -> list[str]:
    client = sign_in(server, login)
    client.select("INBOX")
    _, numbers = client.search(None, "ALL")
    found = [client.fetch(number, "(BODY.PEEK[])")[1][0] for number in numbers[0].decode().split()]
    client.logout()
    return [str(email.message_from_bytes(each[1])["Subject"]) for each in found if isinstance(each, tuple)]


def mailboxes(server: PortalServer) -> int:
    return len(list((server.root / "data/mailboxes").glob("*.mailbox")))


def test_a_mailbox_is_made_and_opened_at_home_only(nodes: tuple[PortalServer, PortalServer]) -> None:
    one, two = nodes
    with smtplib.SMTP("127.0.0.1", two.ports["smtp"]) as client:
        client.ehlo()
        client.mail("x@elsewhere.example")
        assert client.rcpt(ANNA)[0] == 451, "it waits with whoever brings it"
        assert client.rcpt(PAUL)[0] == 250
    with smtplib.SMTP("127.0.0.1", one.ports["smtp"]) as client:
        client.sendmail("x@elsewhere.example", [ANNA], b"Subject: home\r\n\r\ntext\r\n")
    assert subjects(one, ANNA) == ["home"]
    with pytest.raises(imaplib.IMAP4.error, match=r"UNAVAILABLE\].*another server"):
        sign_in(two, ANNA)
    sign_in(two, PAUL).logout()
    assert (mailboxes(one), mailboxes(two)) == (1, 1)


def test_who_writes_from_another_machine_reaches_it(nodes: tuple[PortalServer, PortalServer]) -> None:
    one, two = nodes
    with smtplib.SMTP("127.0.0.1", two.ports["submission"]) as client:
        client.login(PAUL, PASSWORDS[PAUL])
        client.sendmail(PAUL, [ANNA, PAUL], f"From: {PAUL}\r\nSubject: both\r\n\r\ntext\r\n".encode())
    for _ in range(900):
        if "both" in subjects(one, ANNA) and "both" in subjects(two, PAUL):
            break
        time.sleep(0.1)
    assert subjects(one, ANNA).count("both") == subjects(two, PAUL).count("both") == 1


def test_each_machine_makes_its_own_ready(nodes: tuple[PortalServer, PortalServer]) -> None:
    one, two = nodes
    list_of = two.root / "more.csv"
    list_of.write_text(f"sign_on;name;address\nzoe;Zoé;zoe@{DOMAIN}\n", "utf-8")
    two.run("campaign", "members", list_of)
    done = bascule(one.root, "campaign", "--config", one.config, "provision")
    assert "0 made ready" in done.stdout
    assert "1 are for the machine two" in done.stderr
    assert "1 made ready" in two.run("campaign", "provision")


def test_a_mailbox_moves_and_its_account_stays(nodes: tuple[PortalServer, PortalServer], tmp_path: Path) -> None:
    one, two = nodes
    before = subjects(one, ANNA)
    assert "is on another node" in bascule(tmp_path, "account", "--config", two.config, "hand-over", ANNA, tmp_path / "x", status=2).stderr  # fmt: skip
    one.run("account", "hand-over", ANNA, tmp_path / "parcel")
    for server in nodes:
        with pytest.raises(imaplib.IMAP4.error, match="another server"):
            sign_in(server, ANNA)
    assert "is in use here" in two.run("account", "take-over", tmp_path / "parcel")
    wait_until_at_home(two, ANNA)
    assert subjects(two, ANNA) == before
    listed = {line.split("\t")[0]: line for line in one.run("account", "list").splitlines()}
    assert "on another node" in listed[ANNA]
    assert "on another node" not in two.run("account", "list").split(ANNA)[1].splitlines()[0]
    with pytest.raises(imaplib.IMAP4.error, match="another server"):
        sign_in(one, ANNA)
    refused = bascule(tmp_path, "account", "--config", one.config, "hand-over", ANNA, "--undo", status=2)
    assert "is on another node" in refused.stderr
    assert "not expected" in bascule(tmp_path, "account", "--config", two.config, "take-over", tmp_path / "parcel", status=2).stderr  # fmt: skip


def test_only_the_last_parcel_of_a_closed_mailbox_is_taken(
    nodes: tuple[PortalServer, PortalServer], tmp_path: Path
) -> None:
    """An old parcel would bring an old mailbox back, and hide the new one; one that was not finished, a mailbox that is in use."""
    one, two = nodes
    login = f"lea@{DOMAIN}"
    one.bring_in([f"lea;Léa;{login};;"])
    PASSWORDS[login] = one.run("campaign", "show", login).strip()

    def take_over(server: PortalServer, parcel: str, status: int = 0) -> str:
        return bascule(tmp_path, "account", "--config", server.config, "take-over", tmp_path / parcel, status=status).stderr  # fmt: skip

    def write(server: PortalServer, subject: str) -> None:
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"]) as client:
            client.sendmail("x@elsewhere.example", [login], f"Subject: {subject}\r\n\r\ntext\r\n".encode())

    write(one, "first")
    one.run("account", "hand-over", login, tmp_path / "undone")
    one.run("account", "hand-over", login, "--undo")
    assert "not expected" in take_over(two, "undone", 2), "it is in use where it was"
    write(one, "second")
    one.run("account", "hand-over", login, tmp_path / "there")
    one.run("account", "hand-over", login, tmp_path / "there-again")
    assert "not expected" in take_over(two, "there", 2)
    take_over(two, "there-again")
    two.run("account", "hand-over", login, tmp_path / "back")
    assert "not expected" in take_over(two, "there-again", 2)
    take_over(one, "back")
    wait_until_at_home(one, login)
    write(one, "third")
    assert "not expected" in take_over(two, "there-again", 2)
    assert subjects(one, login) == ["first", "second", "third"]


def test_one_that_was_never_used_moves_as_well(nodes: tuple[PortalServer, PortalServer], tmp_path: Path) -> None:
    one, two = nodes
    one.bring_in([f"new;New;new@{DOMAIN};;"])
    PASSWORDS[f"new@{DOMAIN}"] = one.run("campaign", "show", f"new@{DOMAIN}").strip()
    one.run("account", "hand-over", f"new@{DOMAIN}", tmp_path / "parcel")
    two.run("account", "take-over", tmp_path / "parcel")
    wait_until_at_home(two, f"new@{DOMAIN}")
    assert subjects(two, f"new@{DOMAIN}") == []


def test_the_machine_may_be_renamed_and_its_data_not_mistaken(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert node_of(data) == socket.gethostname()
    keep_node(data, "mail-1")
    keep_node(data, "mail-1")
    assert node_of(data) == "mail-1", "whatever the machine is called now"
    with pytest.raises(BasculeError, match="those of mail-1"):
        keep_node(data, "mail-2")
    assert node_of(data) == "mail-1"
