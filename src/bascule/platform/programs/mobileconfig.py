"""An Apple configuration profile with one mail account: iPhone, iPad and Mac set it up when it is opened.

Source: Apple's Configuration Profile Reference, payloads ``Configuration`` and ``com.apple.mail.managed``.
"""

import plistlib
import uuid
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509 import load_pem_x509_certificates

from bascule.platform.programs.offers import Offer, Use
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.printable import printable

_NAMES = {Use.READ: "Incoming", Use.SEND: "Outgoing"}


def mobileconfig(address: str, offered: Sequence[Offer], *, name: str = "", organization: str = "") -> bytes:
    """``address``: the account's login. No password is in it; the device asks for it. The same account has the same identifiers each time,
    so that a newer profile takes the place of the older. Raises BasculeError where nothing is offered for reading, or for sending."""
    address, name, organization = printable(address), printable(name), printable(organization)  # a plist is XML 1.0
    domain = address.rpartition("@")[2]
    identifier = ".".join(reversed(domain.split("."))) + ".mail." + str(uuid.uuid5(uuid.NAMESPACE_URL, address))
    account: dict[str, object] = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identifier}.account",
        "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{address}")).upper(),
        "PayloadDisplayName": address,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountDescription": organization or domain,
        "EmailAccountName": name or address,
        "EmailAddress": address,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    for use, direction in _NAMES.items():
        offer = next((offer for offer in offered if offer.use is use), None)
        if offer is None:
            raise BasculeError(
                f"Nothing is offered to programs for {use.value.upper()}.",
                "Listen on an address that is not loopback, with a certificate: docs/configuration.md.",
                ExitStatus.USAGE,
            )
        account |= {
            f"{direction}MailServerHostName": offer.host,
            f"{direction}MailServerPortNumber": offer.port,
            f"{direction}MailServerUseSSL": offer.encrypted,
            f"{direction}MailServerUsername": address,
            f"{direction}MailServerAuthentication": "EmailAuthPassword",
        }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"profile:{address}")).upper(),
        "PayloadDisplayName": f"{organization or domain}: {address}",
        "PayloadOrganization": organization or domain,
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [account],
    }
    return plistlib.dumps(profile)


def sign(profile: bytes, certificate: Path, key: Path) -> bytes:
    """The profile within a signature (CMS, RFC 5652), so that the device shows who it is from. Both files in PEM; those above the
    certificate come after it in its file. Raises BasculeError."""
    try:
        signer, *above = load_pem_x509_certificates(certificate.read_bytes())
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BasculeError(
            f"{certificate} or {key} can't be used: {error}.",
            "Both are PEM, the key without a password.",
            ExitStatus.USAGE,
        ) from error
    if not isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey):
        raise BasculeError(f"{key} is neither RSA nor EC.", "Sign with another certificate.", ExitStatus.USAGE)
    builder = PKCS7SignatureBuilder().set_data(profile).add_signer(signer, private, SHA256())
    for each in above:
        builder = builder.add_certificate(each)
    return builder.sign(Encoding.DER, [PKCS7Options.Binary])
