"""Each failure is a sentence that says what happened and what to do, with its exit status, and nothing lost."""

import os
import signal
import sqlite3
import subprocess
import time
import zlib
from pathlib import Path

import pytest

from bascule.mailbox import check
from support import messages, reference, store
from support.command import ENTRY, bascule, report_of
from support.dovecot import PrivateDovecot
from support.proxy import Faults, Proxy
from support.small_disk import SmallDisk
from support.trials import Victim

pytestmark = pytest.mark.needs("dovecot")
USER = "anna"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with PrivateDovecot(tmp_path_factory.mktemp("d")) as started:
        reference.append(started.port, USER, "INBOX", messages.many(40))
        yield started


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    root = tmp_path / "m.mailbox"
    store.sample(root)
    return root


def test_a_wrong_password(tmp_path, server) -> None:
    done = bascule(tmp_path, "copy", server.url(USER), server.url("new"), status=3, BASCULE_SOURCE_PASSWORD="wrong")
    assert f"The source, 127.0.0.1:{server.port}, refuses the sign-in of “anna”" in done.stderr
    assert "Check the name and the password" in done.stderr
    assert "wrong" not in done.stderr


def test_an_unknown_host_and_a_port_where_nobody_listens(tmp_path, mailbox) -> None:
    done = bascule(tmp_path, "deliver", mailbox, "imap://a@no-such-host.invalid", status=3)
    # a machine without any name server can't know that there is none
    no_such, not_now = (
        "There is no server named “no-such-host.invalid”",
        "“no-such-host.invalid” can't be looked up now",
    )
    assert no_such in done.stderr or not_now in done.stderr
    done = bascule(tmp_path, "deliver", mailbox, "imap://a@127.0.0.1:1", status=3)
    assert "can't be reached" in done.stderr


def test_no_password_and_no_terminal(tmp_path, mailbox) -> None:
    variables = {k: v for k, v in os.environ.items() if not k.startswith("BASCULE_")}
    done = subprocess.run(
        [*ENTRY, "deliver", str(mailbox), "imap://a@127.0.0.1:1"], env=variables, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "No password for imap://a@127.0.0.1:1." in done.stderr
    assert "--target-password-file, or set BASCULE_TARGET_PASSWORD" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["copy", "nonsense", "imap://a@127.0.0.1"], "is not a mailbox location"),
        (["copy", "imap://a@127.0.0.1", "maildir:/tmp/x"], "is not a server"),
        (["copy", "imap://a@127.0.0.1", "imaps://A@localhost", "--prefix", "Old"], "SOURCE and TARGET are one mailbox"),
        (
            ["copy", "imap://a@127.0.0.1:7143", "imap://a@127.0.0.1:7143", "--dry-run"],
            "SOURCE and TARGET are one mailbox",
        ),
        (["verify", "imap://a@127.0.0.1", "imap://a@127.0.0.1"], "SOURCE and TARGET are one mailbox"),
        (["copy", "maildir:/no/such/place", "imap://a@127.0.0.1"], "does not exist"),
        (["check", "/no/such/mailbox"], "does not exist"),
        (["search", "/no/such/mailbox", "x"], "does not exist"),
        (["frobnicate"], "No such command"),
        (["report"], "What is to be reported on?"),
    ],
)
def test_a_wrong_command_line_is_status_2(tmp_path, words, told) -> None:
    assert told in bascule(tmp_path, *words, status=2).stderr


@pytest.mark.parametrize(
    "words",
    [
        [b"copy", b"imap://ann\xe9:hunter2@127.0.0.1:1", b"imap://b@127.0.0.1:1"],
        [b"copy", b"imap://a@127.0.0.1:1", b"imap://b@127.0.0.1:1", b"--state", b"/tmp/\xe9"],
        [b"import", b"/tmp/\xe9", b"m.mailbox"],
    ],
)
def test_octets_that_are_not_utf8_on_the_command_line_are_told(tmp_path, words) -> None:
    done = bascule(tmp_path, *map(os.fsdecode, words), status=2)
    assert "is not UTF-8" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_folder_that_is_no_mailbox_and_one_of_a_newer_version(tmp_path, server, mailbox) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "file").write_text("x")
    done = bascule(tmp_path, "capture", server.url(USER), tmp_path / "plain", status=2)
    assert "exists and is not a mailbox" in done.stderr
    with sqlite3.connect(mailbox / "catalogue.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert "newer Bascule" in bascule(tmp_path, "deliver", mailbox, server.url("x"), status=2).stderr


def test_a_damaged_mailbox_is_named_and_the_rest_is_not_lost(tmp_path, server, mailbox) -> None:
    with sqlite3.connect(mailbox / "bodies-0001.sqlite") as database:
        database.execute("UPDATE bodies SET data = zeroblob(length(data)) WHERE id = 5")
    database.close()
    assert "invariant 5" in bascule(tmp_path, "check", mailbox, status=1).stdout
    done = bascule(tmp_path, "deliver", mailbox, server.url("damaged"), status=1)
    assert "damaged" in done.stdout


@pytest.mark.needs("mount")
def test_a_full_disk_stops_a_capture_which_then_goes_on(tmp_path, server) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], check=True)
    try:
        reference.append(server.port, "large", "INBOX", [os.urandom(20_000).hex().encode() for _ in range(20)])
        done = bascule(tmp_path, "capture", server.url("large"), small / "m.mailbox", "--json", status=None)
        assert done.returncode == 1, "the command line is right"
        assert "Free some space" in done.stdout + done.stderr
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        report = report_of(bascule(tmp_path, "capture", server.url("large"), small / "m.mailbox", "--json"))
        assert report["totals"]["found"] == 20
        assert check(small / "m.mailbox") == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.needs("mount")
@pytest.mark.parametrize("free_octets", [0, 140_000, 300_000])
def test_a_full_disk_below_what_copy_remembers_is_no_wrong_command_line(tmp_path, server, free_octets) -> None:
    for folder in ("A", "B"):
        reference.append(server.port, f"state{free_octets}", folder, messages.many(40))
    place = tmp_path / "state"
    words = ("copy", server.url(f"state{free_octets}"), server.url(f"copy{free_octets}"), "--connections", "1")
    words += ("--state", place, "--report", tmp_path / "report", "--json")
    with SmallDisk(place, 3) as disk:
        bascule(tmp_path, *words, "--folder", "A")
        disk.fill(free_octets)
        done = bascule(tmp_path, *words, status=None)
        if done.returncode == 0:
            assert report_of(done)["totals"]["delivered"] == 80, "it had room enough"
        else:
            assert done.returncode == 1
            assert "can't be written" in done.stdout + done.stderr
            assert not done.stdout or not report_of(done)["accounted"]
        disk.empty()
        assert report_of(bascule(tmp_path, *words))["totals"]["delivered"] == 80


def test_a_target_folder_that_can_not_be_written(tmp_path, server, mailbox) -> None:
    with PrivateDovecot(tmp_path / "readonly", acl=True) as target:
        reference.append(target.port, USER, "Archive/2015", [messages.plain(1)])
        place = next((tmp_path / "readonly" / "mail" / USER).rglob("dbox-Mails"), None)
        folder = next(p for p in (tmp_path / "readonly" / "mail" / USER).rglob("2015*") if p.is_dir()) / "dbox-Mails"
        assert place is not None
        (folder / "dovecot-acl").write_text("owner lr\n")
        done = bascule(tmp_path, "deliver", mailbox, target.url(USER), "--json", status=1)
        report = report_of(done)
        refused = next(f for f in report["folders"] if f["folder"] == "Archive/2015")
        assert refused["refused"] == 10
        assert next(f for f in report["folders"] if f["folder"] == "INBOX")["delivered"] == 30


def test_interrupted_by_ctrl_c_it_says_how_to_go_on(tmp_path, server, mailbox) -> None:
    state = tmp_path / "state"
    with Proxy(server.port, Faults(delay_seconds=0.15)) as proxy:
        words = ["copy", server.url(USER), f"imap://slow@127.0.0.1:{proxy.port}", "--state", str(state)]
        victim = Victim(tmp_path, words)
        deadline = time.monotonic() + 60
        while not sum(reference.read_mailbox(server.port, "slow").values()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert victim.process.poll() is None, "it ended by itself"
        victim.process.send_signal(signal.SIGINT)
        assert victim.wait() == 130
        proxy.faults.delay_seconds = 0
        bascule(tmp_path, *words, "--settle", "0.2")
    assert reference.read_mailbox(server.port, "slow") == reference.read_mailbox(server.port, USER)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(cut_up=20_000),
        Faults(cut_down=3_000),
        Faults(cut_down=120),
    ],
    ids=["cut while sending", "cut while answered", "cut at the greeting"],
)
def test_a_connection_that_is_cut_is_opened_again(tmp_path, server, mailbox, faults, request) -> None:
    user = f"cut{zlib.crc32(request.node.name.encode())}"
    with Proxy(server.port, faults) as proxy:
        url = f"imap://{user}@127.0.0.1:{proxy.port}"
        bascule(tmp_path, "deliver", mailbox, url, "--quiet", "--settle", "0.2", status=None)
        bascule(tmp_path, "deliver", mailbox, url, "--quiet", "--settle", "0.2")
    assert sum(reference.read_mailbox(server.port, user).values()) == 42


def _garble(at: int, into: bytes):
    seen = 0

    def rewrite(data: bytes) -> bytes:
        nonlocal seen
        before, seen = seen, seen + len(data)
        if before <= at < seen:
            place = at - before
            return data[:place] + into + data[place + len(into) :]
        return data

    return rewrite


@pytest.mark.parametrize("into", [b"\r\n* garbage (((\r\n", b"{999999}\r\n", b"\0\0\0\0", b"* BYE going\r\n"])
@pytest.mark.parametrize("at", [700, 5_000, 40_000])
def test_garbage_from_a_source_leads_to_recovery_or_an_error_never_to_a_gap(tmp_path, server, at, into) -> None:
    with Proxy(server.port, Faults(rewrite_down=_garble(at, into))) as proxy:
        words = ["capture", f"imap://{USER}@127.0.0.1:{proxy.port}", tmp_path / "m.mailbox", "--json", "--timeout", "2"]
        done = bascule(tmp_path, *words, status=None)
        proxy.faults.rewrite_down = None
        assert done.returncode in (0, 1, 3), done.stderr
        report = report_of(bascule(tmp_path, *words))
    assert report["totals"]["found"] == report["totals"]["delivered"] == 40
    assert check(tmp_path / "m.mailbox") == []
