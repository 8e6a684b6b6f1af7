"""Password files and certificates are looked at before any server is asked: what can't be meant is a sentence, with exit status 2."""

from pathlib import Path

import pytest

from support import messages
from support.certificates import make_certificate
from support.command import bascule
from support.quirks import Quirk, QuirkServer, Store
from support.reached import reached_by_everybody

NOWHERE = ("copy", "imap://anna@127.0.0.1:1", "imap://bob@127.0.0.1:1")


@pytest.mark.parametrize("option", ["--source-password-file", "--target-password-file"])
@pytest.mark.parametrize(
    ("octets", "told"), [(b"", "{} is empty."), (b"\r\n", "{} is empty."), (b"\nx\n", "The first line of {} is empty.")]
)
def test_an_empty_password_is_not_tried(tmp_path: Path, option: str, octets: bytes, told: str) -> None:
    file = tmp_path / "empty"
    file.write_bytes(octets)
    for words in (NOWHERE, (*NOWHERE, "--source-admin", "root", "--target-admin", "root")):
        done = bascule(tmp_path, *words, option, file, status=2)
        assert f"bascule: {told.format(file)}\n" in done.stderr


def test_nor_is_that_of_a_variable(tmp_path: Path) -> None:
    done = bascule(tmp_path, *NOWHERE, status=2, BASCULE_TARGET_PASSWORD="")
    assert "bascule: BASCULE_TARGET_PASSWORD is empty.\n" in done.stderr


def test_nor_is_it_given_to_an_account(tmp_path: Path) -> None:
    (tmp_path / "bascule.toml").write_text('[server]\ndata = "data"\nhostname = "mail.example.org"\n')
    file = tmp_path / "password"
    for octets, told in (
        (b"", f"{file} is empty."),
        (b"\xe9t\xe9\n", f"The password in {file} is not UTF-8."),
        (None, f"{file} can't be read: No such file or directory."),
    ):
        file.unlink(missing_ok=True)
        if octets is not None:
            file.write_bytes(octets)
        words = ("account", "--config", tmp_path / "bascule.toml", "add", "anna@example.org", "--password-file", file)
        assert told in bascule(tmp_path, *words, status=2).stderr


def test_a_password_that_everybody_can_read_is_taken_with_a_warning(tmp_path: Path) -> None:
    old, file = Store(), tmp_path / "password"
    old.append(old.folders[b"INBOX"], messages.plain(1))
    file.write_text("secret\n")
    with QuirkServer(Quirk(), old) as source, reached_by_everybody(tmp_path / "x"):
        for mode, times in ((0o600, 0), (0o640, 0), (0o644, 1)):
            file.chmod(mode)
            words = ("capture", source.url, tmp_path / "m.mailbox", "--quiet", "--source-password-file", file)
            done = bascule(tmp_path, *words)
            assert done.stderr.count(f"everybody on this machine can read the password in {file}") == times


def test_a_file_without_a_certificate_is_named_before_any_server_is_asked(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    (tmp_path / "noise").write_bytes(b"\xff\x00")
    for file in (key, tmp_path / "noise"):
        done = bascule(tmp_path, *NOWHERE, "--ca-file", file, status=2)
        assert f"bascule: {file} holds no certificate (PEM).\n" in done.stderr
    assert "does not exist" in bascule(tmp_path, *NOWHERE, "--ca-file", tmp_path / "none", status=2).stderr
    assert "can't be reached" in bascule(tmp_path, *NOWHERE, "--ca-file", certificate, status=3).stderr


def test_what_insecure_means_is_said_once(tmp_path: Path) -> None:
    done = bascule(tmp_path, *NOWHERE, "--insecure", status=3)
    assert done.stderr.count("--insecure: whoever stands between") == 1
    assert "--insecure" not in bascule(tmp_path, *NOWHERE, status=3).stderr
