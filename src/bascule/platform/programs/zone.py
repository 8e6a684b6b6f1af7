"""The DNS records of a domain whose mail is here, as lines of a zone file.

Sources: RFC 6186 and RFC 8314 §5.1 (SRV for programs), RFC 5321 §5.1 (MX), RFC 7208 (SPF), RFC 6376 §3.6.2.1 (DKIM), RFC 7489 §6 (DMARC).
"""

import re
from collections.abc import Sequence

from bascule.platform.programs.offers import Offer, Use
from bascule.terms.errors import BasculeError, ExitStatus

_SERVICES = {
    (Use.READ, True): "_imaps", (Use.READ, False): "_imap", (Use.SEND, True): "_submissions", (Use.SEND, False): "_submission",
}  # fmt: skip
_NOT_HERE = ("_pop3", "_pop3s")
NAME_OCTETS = 253
_LABELS = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*"
)
STRING_OCTETS = 255
"""RFC 1035 §3.3: of one string of a TXT record."""


def zone_records(
    domain: str, hostname: str, offered: Sequence[Offer], dkim: tuple[str, str] | None, *, has_postmaster: bool = False
) -> list[str]:
    """Raises BasculeError for what is no name in the DNS: nothing else is written into a line. ``dkim``: selector, and the record's text. ``has_postmaster``:
    somebody reads what postmaster gets, and with it other servers' reports (RFC 7489 §7.1: at the domain itself, none needs its consent).

    Where one way to read mail is offered, the other is said not to be (RFC 6186 §3.4), so that no program guesses it; so with sending. Where neither is yet,
    a comment stands for both: such a record would tell programs, for as long as it is remembered, that this domain has no IMAP."""
    host = f"{_name(hostname)}."
    domain = _name(domain)
    lines = [f"{domain}. IN MX 10 {host}", f'{domain}. IN TXT "v=spf1 mx -all"']
    if dkim:
        lines.append(f"{_name(dkim[0])}._domainkey.{domain}. IN TXT {_strings(dkim[1])}")
    reports = f"; rua=mailto:postmaster@{domain}" if has_postmaster else ""
    lines.append(f'_dmarc.{domain}. IN TXT "v=DMARC1; p=none{reports}"')
    encrypted = [offer for offer in offered if offer.encrypted]
    for place, service in _SERVICES.items():
        if not any(offer.use is place[0] for offer in encrypted):
            lines.append(f"; {service}._tcp.{domain}.: not served yet on a public port, with a certificate")
            continue
        found = [offer for offer in encrypted if (offer.use, offer.tls) == place]
        lines += [
            f"{service}._tcp.{domain}. IN SRV {0 if offer.tls else 10} 1 {offer.port} {_name(offer.host)}."
            for offer in found
        ]
        if not found:
            lines.append(_absent(service, domain))
    lines += [_absent(service, domain) for service in _NOT_HERE]
    lines.append(f"autoconfig.{domain}. IN CNAME {host}")
    return lines


def _absent(service: str, domain: str) -> str:
    return f"{service}._tcp.{domain}. IN SRV 0 0 0 ."


def _name(text: str) -> str:
    """Letters, digits, hyphens and underscores between dots (RFC 1035 §2.3.1; RFC 8552 for the underscore); what is beyond ASCII, as RFC 5890 writes it."""
    try:
        written = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        written = ""
    if len(written) > NAME_OCTETS or not _LABELS.fullmatch(written):
        raise BasculeError(
            f"“{text}” is no name that the DNS can hold.", "Write one like univ-exemple.fr.", ExitStatus.USAGE
        )
    return written


def _strings(text: str) -> str:
    """Our own record's: tags and Base64, with nothing in it that a string would end at."""
    return " ".join(f'"{text[at : at + STRING_OCTETS]}"' for at in range(0, len(text), STRING_OCTETS))
