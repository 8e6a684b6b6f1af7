"""An administrator opens a member's mailbox, or nothing is done: some servers let the administrator in, and open the administrator's own."""

import os
import subprocess
import time

import pytest

from support import messages, reference
from support.command import ENTRY, bascule, environment, report_of
from support.courier import PrivateCourier
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot

MASTER = "passdb {\n  driver = static\n  master = yes\n  args = password=secret\n}\n"
REFUSED = (
    "lets “boss” in, but opens “boss”’s own mailbox for whatever member is asked for. Nothing was read or written."
)


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory):
    """Every name exists there, and its mailbox is made when it is first asked for."""
    with PrivateDovecot(tmp_path_factory.mktemp("d"), settings=MASTER) as started:
        reference.append(started.port, "anna", "INBOX", messages.many(7))
        yield started


@pytest.fixture(scope="module")
def courier():
    with PrivateCourier() as started:
        reference.append(started.port, "boss", "INBOX", messages.many(3))
        reference.append(started.port, "anna", "INBOX", messages.many(5))
        yield started


def strangers(server: PrivateDovecot) -> list[str]:
    return [place.name for place in (server.root / "mail").iterdir() if place.name.startswith("bascule-")]


@pytest.mark.needs("dovecot", "courier")
def test_courier_which_opens_the_administrators_own_mailbox_is_refused_as_source(tmp_path, courier, dovecot) -> None:
    for words in (["copy", courier.url("anna"), dovecot.url("new")], ["capture", courier.url("anna"), tmp_path / "m"]):
        done = bascule(tmp_path, *words, "--source-admin", "boss", status=3)
        assert f"127.0.0.1:{courier.port} {REFUSED}" in done.stderr
        assert "Sign in as the member" in done.stderr
    assert not reference.read_mailbox(dovecot.port, "new")


@pytest.mark.needs("dovecot", "courier")
def test_courier_is_refused_as_target_and_nothing_is_written_there(tmp_path, courier, dovecot) -> None:
    before = reference.read_mailbox(courier.port, "boss")
    words = ["copy", dovecot.url("anna"), courier.url("newcomer"), "--target-admin", "boss"]
    assert REFUSED in bascule(tmp_path, *words, status=3).stderr
    assert reference.read_mailbox(courier.port, "boss") == before


@pytest.mark.needs("dovecot", "courier")
def test_courier_with_an_empty_mailbox_of_the_administrators_is_refused_also_after_a_wrong_password(
    tmp_path, dovecot
) -> None:
    with PrivateCourier() as courier:
        words = ["copy", dovecot.url("anna"), courier.url("new"), "--target-admin", "boss"]
        wrong = bascule(tmp_path, *words, status=3, BASCULE_TARGET_PASSWORD="wrong")
        assert f"The target, 127.0.0.1:{courier.port}, refuses the sign-in of “boss” for “new”" in wrong.stderr
        assert REFUSED in bascule(tmp_path, *words, status=3).stderr


@pytest.mark.needs("dovecot")
def test_dovecot_where_every_name_exists_is_asked_once(tmp_path, tmp_path_factory) -> None:
    with PrivateDovecot(tmp_path_factory.mktemp("e"), settings=MASTER) as server:
        reference.append(server.port, "anna", "INBOX", messages.many(7))
        words = ("--source-admin", "boss", "--target-admin", "boss", "--json")
        time.sleep(1 - time.time() % 1)  # stranger, new member and administrator are made within one second
        for member in ("one", "two"):
            report = report_of(bascule(tmp_path, "copy", server.url("anna"), server.url(member), *words))
            assert report["totals"]["delivered"] == 7
        known = len(strangers(server))
        assert known <= 4, "each side, and a second stranger for a member that is empty"
        [proof] = (tmp_path / "state-home/bascule/administrators").iterdir()
        bascule(tmp_path, "copy", server.url("anna"), server.url("three"), *words)
        assert len(strangers(server)) == known
        os.utime(proof, (time.time() - 31 * 86400,) * 2)
        bascule(tmp_path, "copy", server.url("anna"), server.url("four"), *words)
        assert len(strangers(server)) > known


@pytest.mark.needs("dovecot", "cyrus")
def test_cyrus_whose_administrator_has_no_mailbox_opens_the_members(tmp_path, dovecot) -> None:
    with PrivateCyrus(["carl"]) as server:
        reference.append(server.port, "carl", "INBOX", messages.many(4))
        words = ("copy", f"imap://carl@127.0.0.1:{server.port}", dovecot.url("carl"), "--source-admin", "cyrus")
        for _ in range(2):
            assert report_of(bascule(tmp_path, *words, "--json"))["totals"]["found"] == 4


@pytest.mark.needs("dovecot")
def test_a_password_is_asked_for_in_the_administrators_name(tmp_path, dovecot) -> None:
    variables = {name: value for name, value in environment(tmp_path).items() if not name.endswith("_PASSWORD")}
    words = ["copy", dovecot.url("anna"), "imap://x@127.0.0.1:1", "--source-admin", "boss"]
    done = subprocess.run(
        [*ENTRY, *words], env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 2
    assert f"No password of boss, to open {dovecot.url('anna')}." in done.stderr


@pytest.mark.needs("dovecot")
@pytest.mark.parametrize("side", ["source", "target"])
def test_login_names_the_option_that_opens_another_persons_mailbox(tmp_path, dovecot, side) -> None:
    words = ("copy", dovecot.url("anna"), dovecot.url("x"), f"--{side}-admin", "boss", f"--{side}-auth", "login")
    assert f"Use --{side}-auth plain with an administrator." in bascule(tmp_path, *words, status=3).stderr
