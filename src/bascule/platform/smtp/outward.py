"""Where mail may go from here: to the world, and to no machine within. A member, or whoever owns a domain, chooses the address that the queue connects to;
the institution's own services, and this machine's, are not to be reached by it.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from bascule.platform.accounts.attempts import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 through a gateway: RFC 6052 §2.1"""


@dataclass(frozen=True, slots=True)
class Outward:
    """``inner``: networks that are not of the world, and that mail may be sent to all the same."""

    inner: tuple[Network, ...] = ()

    def allows(self, address: str) -> bool:
        """Whether a server there may be connected to. What is no address is not."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return all(self._allows(each) for each in (found, *_within(found)))

    def allows_domain(self, domain: str) -> bool:
        """Of an address literal (RFC 5321 §4.1.3) as `allows`; of a name, DNS tells only when it is tried."""
        return not domain.startswith("[") or self.allows(literal(domain))

    def _allows(self, address: Address) -> bool:
        is_inner = any(address.version == each.version and address in each for each in self.inner)
        return is_inner or (address.is_global and not address.is_multicast)


def literal(domain: str) -> str:
    """What stands in ``[…]``, without its tag."""
    text = domain.removeprefix("[").removesuffix("]")
    return text[5:] if text[:5].lower() == "ipv6:" else text


def _within(address: Address) -> Iterable[Address]:
    """The IPv4 address that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address in _TRANSLATED:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
