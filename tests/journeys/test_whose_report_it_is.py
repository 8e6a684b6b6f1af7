"""A signature says who wrote a report: the key's fingerprint is where people can compare it."""

import re
from pathlib import Path

import pytest

from support import messages, store
from support.command import bascule, report_of

FINGERPRINT = re.compile(r"(?:[0-9a-f]{4} ){15}[0-9a-f]{4}")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    store.fill(tmp_path / "anna.mailbox", {"INBOX": messages.many(2)})
    return Path(report_of(bascule(tmp_path, "report", tmp_path / "anna.mailbox", "--json"))["certificate"])


def told(text: str) -> str:
    found = FINGERPRINT.findall(text)
    assert len(found) == 1, text
    return str(found[0])


def test_the_report_doctor_and_check_show_the_same_key(certificate: Path, tmp_path: Path) -> None:
    shown = {
        told(certificate.with_name("report.txt").read_text()),
        told(certificate.with_name("report.html").read_text()),
        told(bascule(tmp_path, "doctor", status=None).stdout),
        told(bascule(tmp_path, "report", "--check", certificate).stdout),
    }
    assert len(shown) == 1


def test_a_stranger_s_signature_is_told_and_is_an_error_where_the_key_is_named(
    certificate: Path, tmp_path: Path
) -> None:
    ours = told(bascule(tmp_path, "report", "--check", certificate).stdout)
    elsewhere = {"BASCULE_KEY": str(tmp_path / "another.pem")}
    theirs = report_of(bascule(tmp_path, "report", tmp_path / "anna.mailbox", "--json", **elsewhere))["certificate"]
    done = bascule(tmp_path, "report", "--check", theirs).stdout
    assert "which is not this installation's: compare it with" in done
    bascule(tmp_path, "report", "--check", theirs, "--key", told(done))
    done = bascule(tmp_path, "report", "--check", theirs, "--key", ours, status=1).stdout
    assert "which is not the one that was named" in done
    bascule(tmp_path, "report", "--check", certificate, "--key", ours.replace(" ", ":").upper())


def test_half_a_fingerprint_is_none(certificate: Path, tmp_path: Path) -> None:
    done = bascule(tmp_path, "report", "--check", certificate, "--key", "3f2a 81bc", status=2)
    assert "is not the fingerprint of a key." in done.stderr
