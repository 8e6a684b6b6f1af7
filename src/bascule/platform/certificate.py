"""The certificate by which the servers are known (TLS), and its renewal while they run."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bascule.terms.errors import BasculeError, ExitStatus

ENDS_SOON = datetime.timedelta(days=14)
"""ACME programs renew a certificate of ninety days thirty days before its end: one that is this near to it was not renewed."""
Seen = tuple[tuple[int, int, int], ...]
"""Of each file what changes with it: inode, octets, time of its last change in nanoseconds."""


class Certificate:
    """A certificate with those above it, and its key, each in a file (PEM). ``context``: for the next connection; each renewal makes another, as
    one that was given a second certificate would go on with the first towards programs that know its kind of key alone.

    Raises BasculeError where the files can't be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self._tried = self._look()
        self.context = self._read()

    def renew(self) -> bool:
        """Whether the files were others, and are in use now. Raises BasculeError where they are, and can't be used, once for each change: what was
        read before stays in use then. One file may be written before the other; both are read again when the second has changed."""
        seen = self._look()
        if seen == self._tried:
            return False
        self._tried = seen
        self.context = self._read()
        return True

    def what_programs_will_say(self, now: datetime.datetime) -> str:
        """Why programs refuse it at that time, or will within `ENDS_SOON`, as far as its dates tell; empty where it holds."""
        held = x509.load_pem_x509_certificates(self._certificate.read_bytes())[0]
        begins, ends = held.not_valid_before_utc, held.not_valid_after_utc
        if now < begins:
            return f"The certificate {self._certificate} holds from {begins:%Y-%m-%d %H:%M} UTC on: until then programs refuse it."
        if now >= ends:
            return f"The certificate {self._certificate} ended on {ends:%Y-%m-%d %H:%M} UTC: programs refuse it."
        if now >= ends - ENDS_SOON:
            return f"The certificate {self._certificate} ends on {ends:%Y-%m-%d %H:%M} UTC: programs refuse it from then on."
        return ""

    def _look(self) -> Seen:
        """As much as can be seen: a file that is away for a moment counts as changed."""
        seen = []
        for path in (self._certificate, self._key):
            try:
                state = path.stat()
                seen.append((state.st_ino, state.st_size, state.st_mtime_ns))
            except OSError:
                seen.append((0, 0, 0))
        return tuple(seen)

    def _read(self) -> ssl.SSLContext:
        octets = {path: _octets_of(path) for path in (self._certificate, self._key)}
        try:
            x509.load_pem_x509_certificates(octets[self._certificate])
        except ValueError as error:
            raise _unusable(f"{self._certificate} holds no certificate in PEM.") from error
        try:
            load_pem_private_key(octets[self._key], None)
        except TypeError as error:
            raise _unusable(f"The key {self._key} is locked by a password.", "Give it without one.") from error
        except ValueError as error:
            raise _unusable(f"{self._key} holds no key in PEM.") from error
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._certificate, self._key, password="")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise _unusable(f"{self._key} is not the key of the certificate {self._certificate}.") from error
            raise _unusable(f"The certificate {self._certificate} can't be used: {error.reason or error}.") from error
        return context


def _octets_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _unusable(f"{path} is not there.") from error
    except OSError as error:
        raise _unusable(
            f"{path} can't be read: {error.strerror}.",
            "Let the user that runs Bascule read it (docs/runbooks/in-service.md).",
        ) from error


def _unusable(what: str, advice: str = "Name both files in bascule.toml, [tls] certificate and key.") -> BasculeError:
    return BasculeError(what, advice, ExitStatus.USAGE)
