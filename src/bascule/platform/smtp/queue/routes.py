"""Which servers take mail for a domain: a smarthost for all, or what DNS says. RFC 5321 §5.1, RFC 7505"""

import asyncio
from dataclasses import dataclass, field

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.outward import Outward, literal
from bascule.platform.smtp.queue import limits

_NO_NAME = (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, UnicodeError)
"""What can be in no DNS: RFC 1035 §2.3.4, RFC 5891."""


class NoRoute(Exception):
    """``is_permanent``: there is no such domain, or it takes no mail. ``status``: RFC 3463."""

    def __init__(self, text: str, status: str, *, is_permanent: bool) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.is_permanent = is_permanent


@dataclass(frozen=True, slots=True)
class Routes:
    """``nameservers``: asked instead of the system's (addresses, with one ``port``). ``outward``: which addresses may be connected to; a smarthost may."""

    smarthost: Endpoint | None = None
    nameservers: tuple[Endpoint, ...] = ()
    mx_port: int = 25
    outward: Outward = field(default_factory=Outward)

    async def hosts(self, domain: str) -> list[Endpoint]:
        """In the order they are to be tried, `limits.HOSTS` at most. Raises NoRoute."""
        try:
            async with asyncio.timeout(limits.ROUTE_SECONDS):
                return (await self._hosts(domain))[: limits.HOSTS]
        except TimeoutError as error:
            raise NoRoute(f"DNS is slow to say who takes mail for {domain}", "4.4.3", is_permanent=False) from error

    async def _hosts(self, domain: str) -> list[Endpoint]:
        if self.smarthost is not None:
            return [self.smarthost]
        if domain.startswith("["):
            return self._endpoints(domain, [literal(domain)])
        try:
            resolver = self._resolver()
            name = dns.name.from_text(domain if domain.isascii() else domain.encode("idna").decode())
            answer = await resolver.resolve(name, "MX", lifetime=limits.DNS_SECONDS)
        except dns.resolver.NoAnswer:
            return await self._without_mx(resolver, domain)
        except (dns.resolver.NXDOMAIN, *_NO_NAME) as error:
            raise NoRoute(f"there is no domain {domain}", "5.1.2", is_permanent=True) from error
        except dns.exception.DNSException as error:
            raise NoRoute(f"DNS does not say who takes mail for {domain}", "4.4.3", is_permanent=False) from error
        found = sorted(answer, key=lambda each: each.preference)
        hosts = [str(each.exchange).rstrip(".") for each in found]
        if hosts == [""]:
            raise NoRoute(f"{domain} takes no mail", "5.1.10", is_permanent=True)
        return self._endpoints(domain, await self._addresses_of_all(resolver, domain, hosts))

    def _endpoints(self, domain: str, addresses: list[str]) -> list[Endpoint]:
        """Those of the world, and of the networks that the institution named. Raises NoRoute where there are others alone: mail for a name waits,
        for the operator may have forgotten to name a network, or DNS may say something else tomorrow."""
        found = [Endpoint(address, self.mx_port) for address in addresses if self.outward.allows(address)]
        if addresses and not found:
            is_literal = domain.startswith("[")
            raise NoRoute(
                f"mail for {domain} would go to an address that is not of the world",
                "5.4.4" if is_literal else "4.4.4",
                is_permanent=is_literal,
            )
        return found

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=not self.nameservers)
        if self.nameservers:
            resolver.nameservers = [each.host for each in self.nameservers]
            resolver.nameserver_ports = {each.host: each.port for each in self.nameservers}
        return resolver

    async def _addresses_of_all(self, resolver: dns.asyncresolver.Resolver, domain: str, hosts: list[str]) -> list[str]:
        """One that DNS does not find now is passed over where another is found."""
        found: list[str] = []
        failure: NoRoute | None = None
        for host in hosts[: limits.HOSTS]:
            try:
                found += await self._addresses(resolver, host)
            except NoRoute as error:
                failure = error
            if len(found) >= limits.HOSTS:
                break
        if not found:
            raise failure or NoRoute(f"the mail servers of {domain} have no address", "4.4.4", is_permanent=False)
        return found

    async def _without_mx(self, resolver: dns.asyncresolver.Resolver, domain: str) -> list[Endpoint]:
        """RFC 5321 §5.1: the domain itself is the host then."""
        found = self._endpoints(domain, await self._addresses(resolver, domain))
        if not found:
            raise NoRoute(f"{domain} takes no mail", "5.1.2", is_permanent=True)
        return found

    async def _addresses(self, resolver: dns.asyncresolver.Resolver, host: str) -> list[str]:
        """IPv4 first; where one of the two can't be asked, the other is enough."""
        found: list[str] = []
        failure: dns.exception.DNSException | None = None
        for kind in ("A", "AAAA"):
            try:
                found += [each.address for each in await resolver.resolve(host, kind, lifetime=limits.DNS_SECONDS)]
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                continue
            except dns.exception.DNSException as error:
                failure = error
        if failure is not None and not found:
            raise NoRoute(f"DNS does not say where {host} is", "4.4.3", is_permanent=False) from failure
        return found
