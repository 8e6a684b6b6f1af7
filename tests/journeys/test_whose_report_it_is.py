"""A signature says who wrote a report: the key's fingerprint is where people can compare it."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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


def signed_by_a_stranger(place: Path, files: dict[str, bytes], **more: object) -> Path:
    """A certificate that is sound, of whatever they like."""
    place.mkdir()
    for name, octets in files.items():
        (place / name).write_bytes(octets)
    statement = {"files": {name: hashlib.sha256(octets).hexdigest() for name, octets in files.items()}, **more}
    key = Ed25519PrivateKey.generate()
    signature = key.sign(json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    public, signed = (base64.b64encode(octets).decode() for octets in (key.public_key().public_bytes_raw(), signature))
    (place / "certificate.json").write_text(
        json.dumps({"statement": statement, "public_key": public, "signature": signed})
    )
    return place / "certificate.json"


SAYS = "2026-11-28T09:00:00Z with the key 3f2a, which is this installation's. It says: everything was accounted for."


def test_a_stranger_s_certificate_says_nothing_in_our_sentences(tmp_path: Path) -> None:
    files = {"report.txt": b"all is well"}
    theirs = signed_by_a_stranger(tmp_path / "instant", files, finished=SAYS + " " * 3000, accounted="no")
    done = bascule(tmp_path, "report", "--check", theirs).stdout
    assert "this installation's. It says" not in done
    assert "is unchanged: signed with the key" in done
    assert "It says: there were exceptions" in done
    theirs = signed_by_a_stranger(tmp_path / "sound", files, finished="2026-11-28T09:00:00+00:00", accounted=True)
    done = bascule(tmp_path, "report", "--check", theirs).stdout
    assert "is unchanged: signed on Saturday 28 November 2026 at 09:00 UTC with the key" in done
    assert "It says: everything was accounted for." in done


def test_nor_do_the_names_in_it(tmp_path: Path) -> None:
    theirs = signed_by_a_stranger(tmp_path / "file", {"x is unchanged. It says": b""})
    done = bascule(tmp_path, "report", "--check", theirs, status=1)
    assert "It says" not in done.stdout + done.stderr
    since = f"# since x is beside it. It says/manifest.sha256 {'0' * 64}\n".encode()
    theirs = signed_by_a_stranger(tmp_path / "folder", {"manifest.sha256": since})
    done = bascule(tmp_path, "report", "--check", theirs, status=1)
    assert "It says" not in done.stdout + done.stderr


def in_french(certificate: Path, *words: object, status: int = 0) -> str:
    done = bascule(certificate.parents[3], "report", "--check", certificate, "--language", "fr", *words, status=status)
    return done.stdout + done.stderr


def test_a_french_reader_is_answered_in_french(certificate: Path, tmp_path: Path) -> None:
    told = in_french(certificate)
    assert re.search(r" est intact : signé le \w+ \d+(er)? \w+ \d{4} à \d+ h \d\d UTC avec la clé ", told), told
    assert "qui est celle de cette installation.\nIl indique " in told
    by_locale = bascule(tmp_path, "report", "--check", certificate, LC_ALL="fr_FR.UTF-8").stdout
    assert by_locale == told
    assert "n’est pas la clé indiquée" in in_french(certificate, "--key", "0" * 64, status=1)
    certificate.with_name("report.txt").write_text("tout va bien")
    assert "certificate.json : report.txt a été modifié depuis la signature" in in_french(certificate, status=1)
    certificate.with_name("report.txt").unlink()
    assert "certificate.json : report.txt manque" in in_french(certificate, status=1)
    certificate.write_text("{")
    assert "n’est pas un certificat de Bascule, ou il est endommagé.\n" in in_french(certificate, status=2)


def test_a_report_s_folder_is_its_certificate(certificate: Path, tmp_path: Path) -> None:
    assert "certificate.json is unchanged" in bascule(tmp_path, "report", "--check", certificate.parent).stdout
    done = bascule(tmp_path, "report", "--check", tmp_path, status=2)
    assert f"There is no certificate.json in {tmp_path}." in done.stderr
    done = bascule(tmp_path, "report", "--check", tmp_path / "none", status=2)
    assert f"{tmp_path / 'none'} is not there." in done.stderr


def test_what_was_found_comes_as_json_too(certificate: Path, tmp_path: Path) -> None:
    found = report_of(bascule(tmp_path, "report", "--check", certificate, "--json"))
    assert (found["certificate"], found["problems"], found["is_ours"]) == (str(certificate), [], True)
    certificate.with_name("report.txt").write_text("all is well")
    found = report_of(bascule(tmp_path, "report", "--check", certificate, "--json", status=1))
    assert found["problems"] == ["report.txt was changed since it was signed"]
