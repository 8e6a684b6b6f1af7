"""SOURCE and TARGET as people type them: ``imaps://user@host:port``, ``maildir:PATH``, ``mbox:PATH`` …"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import quote, unquote

from bascule.terms.errors import BasculeError, ExitStatus

IMAP_SCHEMES = {"imap": 143, "imaps": 993}
FILE_SCHEMES = ("maildir", "mbox", "eml", "zip", "pst")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine whatever a name server says: ``localhost`` (RFC 6761 §6.3), an address in 127.0.0.0/8, or ::1."""
    if host.casefold().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name, of which anybody may own one that begins with 127
        return False


@dataclass(frozen=True, slots=True)
class Location:
    """Either a server (``host``, ``port``, ``user``) or files (``path``); never both.

    ``password`` is set only when it stood in the URL; it is never part of ``str()`` nor of ``repr()``.
    """

    scheme: str
    user: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    password: str | None = field(default=None, repr=False, compare=False)

    @property
    def is_imap(self) -> bool:
        return self.scheme in IMAP_SCHEMES

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def person(self) -> tuple[str, str]:
        """Whose mailbox a server's is, as far as names tell: user and host. Names of this machine are one, since tunnels end at any of them
        and at any port."""
        host = self.host.casefold().rstrip(".")
        return self.user.casefold(), "localhost" if self.is_loopback else host

    @property
    def mailbox(self) -> tuple[str, str, int]:
        """Equal where two locations of servers are one mailbox for certain; ``imap://`` and ``imaps://`` on their usual ports are one server."""
        usual = self.port in IMAP_SCHEMES.values()
        return *self.person, 0 if usual else self.port

    def __str__(self) -> str:
        if not self.is_imap:
            return f"{self.scheme}:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{quote(self.user, safe='@')}@{host}:{self.port}"


def _bad(text: str, why: str) -> BasculeError:
    return BasculeError(
        f"“{text}” is not a mailbox location: {why}.",
        "Write imaps://user@host, imap://user@host:143, maildir:PATH, mbox:PATH, eml:PATH, zip:PATH or pst:PATH.",
        ExitStatus.USAGE,
    )


_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]+))(?::(?P<port>\d{1,5}))?/?")


def _can_be_looked_up(host: str) -> bool:
    """Names of 1 to 63 octets between the dots (RFC 1035 §2.3.4, as RFC 3490 writes those beyond ASCII), and nothing that can't be seen."""
    try:
        return host.isprintable() and " " not in host and bool(host.encode("idna"))
    except UnicodeError:
        return False


def parse_location(text: str) -> Location:
    """Read a location. ``@`` in the user may be written ``%40`` or plain.

    Raises BasculeError (usage) with the reason and the forms that are accepted. The text of the error never holds
    a password.
    """
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme in FILE_SCHEMES and colon:
        if not rest:
            raise _bad(text, "the path is missing")
        return Location(scheme, path=rest)
    if scheme not in IMAP_SCHEMES or not rest.startswith("//"):
        raise _bad(scheme or text, "the part before the colon is not a kind that Bascule knows")
    sign_in, at, place = rest[2:].rpartition("@")
    if not at or not sign_in:
        raise _bad(f"{scheme}://…{place}", "the user is missing")
    user, has_password, password = sign_in.partition(":")
    found = _HOST_PORT.fullmatch(place)
    if found is None:
        server, _, folder = place.partition("/")
        names_folder = folder and _HOST_PORT.fullmatch(server)
        why = "it names a folder (say --folder for that)" if names_folder else "the host or the port is wrong"
        raise _bad(f"{scheme}://…@{place}", why)
    host = found["v6"] or found["host"]
    if found["v6"] is None and not _can_be_looked_up(host):
        raise _bad(f"{scheme}://…@{place}", "no server can have such a name")
    port = int(found["port"] or IMAP_SCHEMES[scheme])
    if not 0 < port < 65536:
        raise _bad(f"{scheme}://…@{place}", "the port must be between 1 and 65535")
    return Location(
        scheme,
        user=unquote(user),
        host=host,
        port=port,
        password=unquote(password) if has_password else None,
    )
