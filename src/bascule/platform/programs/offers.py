"""The services that programs are pointed to: those with TLS, and never one in clear text but on loopback."""

from dataclasses import dataclass
from enum import Enum

from bascule.platform.settings import Settings
from bascule.terms.location import is_loopback


class Use(Enum):
    READ = "imap"
    SEND = "smtp"


@dataclass(frozen=True, slots=True)
class Offer:
    """``tls``: from the first octet (RFC 8314 §3); otherwise with STARTTLS. ``encrypted``: False on loopback, where there is no certificate."""

    use: Use
    host: str
    port: int
    tls: bool
    encrypted: bool = True


def offers(settings: Settings) -> list[Offer]:
    """For each use, the preferred one first: TLS from the first octet (RFC 8314 §3.3)."""
    found = []
    for use, with_tls, with_starttls in [
        (Use.READ, settings.imap_listen_tls, settings.imap_listen),
        (Use.SEND, settings.submission_listen_tls, settings.submission_listen),
    ]:
        if settings.certificate is None:
            found += [
                Offer(use, each.host, each.port, False, False) for each in with_starttls if is_loopback(each.host)
            ]
            continue
        for endpoints, tls in ((with_tls, True), (with_starttls, False)):
            ports = dict.fromkeys(each.port for each in endpoints if not is_loopback(each.host))
            found += [Offer(use, settings.hostname, port, tls) for port in ports]
    return found
