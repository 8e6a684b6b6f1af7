"""The file that Thunderbird and many others look for at ``http://autoconfig.DOMAIN/mail/config-v1.1.xml`` and
``https://DOMAIN/.well-known/autoconfig/mail/config-v1.1.xml``. Source: Mozilla's description of the format, version 1.1."""

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from bascule.platform.programs.offers import Offer, Use
from bascule.terms.printable import printable

_SECURITY = {(True, True): "SSL", (False, True): "STARTTLS", (False, False): "plain"}


def autoconfig(domain: str, offered: Sequence[Offer], name: str = "") -> bytes:
    """``name``: what the program calls the account's provider; the domain otherwise. The user name is the whole address."""
    root = Xml.Element("clientConfig", version="1.1")
    provider = Xml.SubElement(root, "emailProvider", id=printable(domain))
    _add(provider, "domain", domain)
    _add(provider, "displayName", name or domain)
    _add(provider, "displayShortName", name or domain)
    for offer in offered:
        direction = "incomingServer" if offer.use is Use.READ else "outgoingServer"
        server = Xml.SubElement(provider, direction, type=offer.use.value)
        _add(server, "hostname", offer.host)
        _add(server, "port", str(offer.port))
        _add(server, "socketType", _SECURITY[offer.tls, offer.encrypted])
        _add(server, "username", "%EMAILADDRESS%")
        _add(server, "authentication", "password-cleartext")
    Xml.indent(root)
    octets: bytes = Xml.tostring(root, "utf-8", xml_declaration=True)
    return octets + b"\n"


def _add(parent: Xml.Element, tag: str, text: str) -> None:
    Xml.SubElement(parent, tag).text = printable(text)  # XML 1.0 has no control characters (§2.2)
