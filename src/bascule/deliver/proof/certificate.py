"""A folder that proves a run: the report three ways, the SHA-256 of each message, and a signature over all of it.

``certificate.json`` names each file with its SHA-256, and is signed (Ed25519, RFC 8032) by the installation's key. Who holds the public
key, or its fingerprint, can tell that nothing was changed since.
"""

import base64
import contextlib
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import platformdirs

if TYPE_CHECKING:  # cryptography is loaded only when something is signed
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bascule.deliver.proof.fingerprint import fingerprint_of
from bascule.deliver.proof.manifest import IS_A_NAME, MANIFEST, GroundMissing, read_manifest, write_manifest
from bascule.deliver.proof.page import as_page
from bascule.deliver.proof.placing import placed
from bascule.deliver.proof.report import Report
from bascule.deliver.proof.text import as_text
from bascule.deliver.proof.words import Words
from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.own_files import CERTIFICATE
from bascule.terms.printable import printable_json

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00|Z)", re.ASCII)
KEY_OCTETS = 64 * 1024
"""Of the signing key's file: ours has 119."""
FILES = ("report.txt", "report.json", "report.html", MANIFEST)


def key_path() -> Path:
    """``BASCULE_KEY``, or ``signing-key.pem`` in the user's configuration folder."""
    given = os.environ.get("BASCULE_KEY")
    return Path(given) if given else Path(platformdirs.user_config_dir("bascule")) / "signing-key.pem"


def write_proof(
    place: Path, report: Report, mailbox: Mailbox, ledger: Ledger | None, words: Words, *, in_series: bool = False
) -> Path:
    """Write the folder; its certificate's path. The key is made where there is none. ``in_series``: its manifest may build on that of the
    run before, beside it (`bascule.deliver.proof.manifest`). Raises OSError."""
    place.mkdir(parents=True, exist_ok=True)
    report.signing_key = own_fingerprint()
    _write(place / "report.txt", as_text(report, words, is_file=True) + "\n")
    _write(place / "report.json", printable_json(json.dumps(report.to_dict(), ensure_ascii=False, indent=1)) + "\n")
    _write(place / "report.html", as_page(report, words))
    write_manifest(place / MANIFEST, mailbox, ledger, _before(place, report) if in_series else None)
    certificate = place / CERTIFICATE
    _write(certificate, json.dumps(_sign(place, report), indent=1) + "\n")
    return certificate


def _write(path: Path, text: str) -> None:
    with placed(path) as file:
        file.write(text.encode())


def _before(place: Path, report: Report) -> Path | None:
    """The manifest of the latest run between the same two in a folder beside ``place``."""
    for folder in sorted(place.parent.iterdir(), reverse=True):
        if folder.name >= place.name or not (folder / MANIFEST).is_file():
            continue
        try:
            statement = _signed_by_us(folder / CERTIFICATE)
            if (statement["source"], statement["target"]) != (report.source, report.target):
                continue
            if statement["files"][MANIFEST] == _digest(folder / MANIFEST):
                return folder / MANIFEST
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BasculeError):
            continue  # not to be built on, and no reason not to write a whole one
    return None


def _signed_by_us(certificate: Path) -> dict[str, Any]:
    """Its statement. Raises BasculeError, ValueError, KeyError, TypeError for what is not this installation's, or was changed."""
    from cryptography.exceptions import InvalidSignature

    told = json.loads(certificate.read_text("utf-8"))
    try:
        _key().public_key().verify(base64.b64decode(told["signature"]), _canonical(told["statement"]))
    except InvalidSignature as error:
        raise ValueError("not signed by this installation's key") from error
    statement: dict[str, Any] = told["statement"]
    return statement


def own_fingerprint() -> str:
    """Of this installation's key, which is made where there is none. Raises OSError, and what a file that holds no such key does."""
    return fingerprint_of(_public(_key()))


def _public(key: "Ed25519PrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _sign(place: Path, report: Report) -> dict[str, object]:
    key = _key()
    statement: dict[str, object] = {
        "format": 1,
        "finished": report.finished,
        "source": report.source,
        "target": report.target,
        "accounted": report.accounted,
        "files": {name: _digest(place / name) for name in FILES},
    }
    signature = key.sign(_canonical(statement))
    return {
        "statement": statement,
        "public_key": base64.b64encode(_public(key)).decode(),
        "signature": base64.b64encode(signature).decode(),
    }


def _key() -> "Ed25519PrivateKey":
    """The installation's; made where there is none. Raises BasculeError (usage) for a file that is none, OSError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = key_path()
    if not path.exists():
        _make_key(path)
    try:
        key = load_pem_private_key(_beginning_of(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it wants a password
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BasculeError(f"{path} is not an Ed25519 key.", "Move it away; a new one is made.", ExitStatus.USAGE)
    return key


def _beginning_of(path: Path) -> bytes:
    """Empty for what is no file (a pipe is waited at for ever). Raises OSError."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(KEY_OCTETS)


def _make_key(path: Path) -> None:
    """Written beside its place and then given its name, so that it is there whole or not at all. Of two processes that make one at the same
    time the first wins, and the other's is dropped: whoever reads it afterwards reads one and the same."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".signing-key-") as file:  # made with mode 0600
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)


def _canonical(statement: object) -> bytes:
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "backslashreplace"
    )


def _faults_before(manifest: Path) -> tuple[list[str], str]:
    """What is wrong with those that it builds on; and the folder of one that is not there."""
    try:
        read_manifest(manifest)
    except GroundMissing as error:
        return [], error.folder
    except BasculeError as error:
        return [f"{MANIFEST} builds on another: {error.message}"], ""
    return [], ""


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Checked:
    """``problems`` is empty when every file is as it was signed. ``is_ours``: signed by this installation's key. ``finished``: an instant; empty where the
    certificate tells none. ``lacks``: the folder of an earlier report on which this one builds, and which is not beside it; empty where there is none such."""

    fingerprint: str
    is_ours: bool
    accounted: bool
    finished: str
    problems: tuple[str, ...]
    lacks: str = ""


def check_certificate(certificate: Path) -> Checked:
    """Check the signature and every file beside it. Raises BasculeError (usage) for what is no certificate."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        told = json.loads(certificate.read_text("utf-8"))
        statement, public = told["statement"], base64.b64decode(told["public_key"])
        files = {str(name): str(digest) for name, digest in dict(statement["files"]).items()}
        key = Ed25519PublicKey.from_public_bytes(public)
        signature = base64.b64decode(told["signature"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BasculeError(
            f"{certificate} is not a certificate of Bascule's: {error}.", "Name a certificate.json.", ExitStatus.USAGE
        ) from error
    problems, lacks = [], ""
    try:
        key.verify(signature, _canonical(statement))
    except InvalidSignature:
        problems.append("the signature is not of this statement: the certificate was changed")
    for name, digest in files.items():
        path = certificate.parent / name
        if not IS_A_NAME.fullmatch(name):
            problems.append("it names a file that no report of Bascule's has")
        elif not path.is_file():
            problems.append(f"{name} is missing")
        elif _digest(path) != digest:
            problems.append(f"{name} was changed since it was signed")
        elif name == MANIFEST:
            faults, lacks = _faults_before(path)
            problems += faults
    ours = key_path().exists() and _public(_key()) == public
    accounted, finished = statement.get("accounted") is True, str(statement.get("finished"))
    told = finished if _INSTANT.fullmatch(finished) else ""
    return Checked(fingerprint_of(public), ours, accounted, told, tuple(problems), lacks)
