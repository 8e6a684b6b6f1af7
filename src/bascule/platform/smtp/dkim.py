"""The key that this installation signs with. RFC 6376; `bascule programs dns` prints the record that goes with it."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from bascule.protocols.mime.dkim import BodyHash, signature_field
from bascule.protocols.mime.header import Header, RawField
from bascule.terms.errors import BasculeError, ExitStatus

KEY_BITS = 2048
"""RFC 8301 §3.2; a longer one does not fit every DNS server's answer."""


class Signer:
    """Signs as the domain of the author. ``key`` is made where there is none yet. Raises BasculeError where it can't be read."""

    def __init__(self, key: Path, selector: str) -> None:
        self.selector = selector
        if not key.exists():
            _make(key)
        try:
            loaded = load_pem_private_key(key.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise BasculeError(f"The DKIM key {key} can't be read: {error}.", "Give an RSA key in PEM, without a password.", ExitStatus.USAGE) from error  # fmt: skip
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise BasculeError(
                f"The DKIM key {key} is no RSA key.", "Give one, or none: it is made then.", ExitStatus.USAGE
            )
        self._key = loaded

    def sign(self, header: Header, body: Iterator[bytes], domain: str, now_utc: int) -> RawField:
        """The field to be put before the header."""
        digest = BodyHash()
        for piece in body:
            digest.update(piece)
        return signature_field(
            header, digest.digest(), domain, self.selector, now_utc,
            lambda data: self._key.sign(data, padding.PKCS1v15(), hashes.SHA256()),
        )  # fmt: skip

    def record(self) -> str:
        """The text of the DNS record at ``SELECTOR._domainkey.DOMAIN``: RFC 6376 §3.6.1"""
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def _make(path: Path) -> None:
    """Readable by its owner only; whole, or not there. Of several processes that make it at once, one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "wb") as file:
        file.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)
    except FileExistsError:
        return
    finally:
        partial.unlink()
