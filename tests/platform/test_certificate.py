"""The servers' certificate: what is wrong with it is said before anything starts, and a renewed one is used without a restart."""

import asyncio
import contextlib
import datetime
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bascule.commands import serve_command
from bascule.platform.certificate import Certificate
from bascule.terms.errors import BasculeError
from support.certificates import make_certificate, trust
from support.in_process import Client, in_a_loop, served
from support.server import ANNA, PASSWORD


def _lock(certificate: Path, key: Path) -> None:
    private = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))


def _another_key(certificate: Path, key: Path) -> None:
    _, other = make_certificate(key.parent / "other")
    os.replace(other, key)


WRONG: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "no certificate": (lambda certificate, key: certificate.unlink(), "cert.pem is not there"),
    "no key": (lambda certificate, key: key.unlink(), "key.pem is not there"),
    "a folder": (lambda certificate, key: (key.unlink(), key.mkdir()), "key.pem can't be read: Is a directory"),
    "empty": (lambda certificate, key: certificate.write_bytes(b""), "cert.pem holds no certificate in PEM"),
    "exchanged": (lambda certificate, key: certificate.write_bytes(key.read_bytes()), "holds no certificate in PEM"),
    "no PEM": (lambda certificate, key: key.write_bytes(b"\x30\x82\x01"), "key.pem holds no key in PEM"),
    "locked": (_lock, "key.pem is locked by a password. Give it without one"),
    "another's": (_another_key, "key.pem is not the key of the certificate"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(tmp_path: Path, what: str) -> None:
    files = make_certificate(tmp_path)
    do, told = WRONG[what]
    do(*files)
    with pytest.raises(BasculeError) as caught:
        Certificate(*files)
    assert told in str(caught.value)


def test_one_that_programs_refuse_for_its_dates_is_named(tmp_path: Path) -> None:
    certificate = Certificate(*make_certificate(tmp_path))
    now, days = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    assert certificate.what_programs_will_say(now + 75 * days) == ""
    assert "ends on" in certificate.what_programs_will_say(now + 77 * days)
    assert "ended on" in certificate.what_programs_will_say(now + 91 * days)
    assert "holds from" in certificate.what_programs_will_say(now - days)


def test_what_can_not_be_used_leaves_the_earlier_one_in_use_and_is_told_once(tmp_path: Path) -> None:
    files = make_certificate(tmp_path / "live")
    certificate = Certificate(*files)
    before = certificate.context
    assert not certificate.renew()
    made, key = make_certificate(tmp_path / "next")
    os.replace(made, files[0])  # a hook copies one file after the other
    with pytest.raises(BasculeError, match="is not the key"):
        certificate.renew()
    assert not certificate.renew()
    assert certificate.context is before
    os.replace(key, files[1])
    assert certificate.renew()
    assert certificate.context is not before


def _renew_with_rsa(certificate: Path, key: Path) -> None:
    """The same name, by a key of another kind."""
    old = x509.load_pem_x509_certificate(certificate.read_bytes())
    private = rsa.generate_private_key(65537, 2048)
    new = x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer).public_key(private.public_key())
    new = new.serial_number(old.serial_number + 1).not_valid_before(old.not_valid_before_utc)
    new = new.not_valid_after(old.not_valid_after_utc)
    for extension in old.extensions:
        new = new.add_extension(extension.value, extension.critical)
    certificate.write_bytes(new.sign(private, old.signature_hash_algorithm).public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


async def _shown(port: int, cafile: ssl.SSLContext) -> bytes:
    """The certificate that IMAP shows behind STARTTLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"s STARTTLS\r\n")
    assert (await reader.readline()).startswith(b"s OK")
    await writer.start_tls(cafile, server_hostname="localhost")
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        writer.close()
        await writer.wait_closed()
    return bytes(shown)


@in_a_loop
async def _renew_while_serving(tmp_path: Path) -> None:
    files = make_certificate(tmp_path / "tls")
    certificate = Certificate(*files)
    async with served(tmp_path / "data", ANNA, certificate=certificate) as server:
        client = await Client.connect(server.imap)
        await client.ok(f"LOGIN {ANNA} {PASSWORD}")
        first = await _shown(server.imap, trust(tmp_path / "tls"))
        _renew_with_rsa(*files)
        assert certificate.renew()
        second = await _shown(server.imap, trust(tmp_path / "tls"))
        assert x509.load_der_x509_certificate(second).serial_number == (
            x509.load_der_x509_certificate(first).serial_number + 1
        )
        await client.ok("NOOP")  # who is there stays


def test_a_renewed_one_is_shown_from_the_next_connection_on(tmp_path: Path) -> None:
    _renew_while_serving(tmp_path)


def test_nothing_is_started_with_one_that_can_not_be_used(tmp_path: Path) -> None:
    config = tmp_path / "bascule.toml"
    config.write_text(
        f'[server]\ndata = "{tmp_path}/data"\nhostname = "mail.example.org"\n[imap]\nlisten = ["127.0.0.1:0"]\n'
        f'[tls]\ncertificate = "{tmp_path}/none.pem"\nkey = "{tmp_path}/none.key"\n'
    )
    done = CliRunner().invoke(serve_command.command, ["--config", str(config)])
    assert isinstance(done.exception, BasculeError)
    assert "none.pem is not there" in str(done.exception)
    assert "ready" not in done.output
