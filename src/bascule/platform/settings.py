"""``bascule.toml``: every setting, what it means, and what it is when nothing is said. Tested against `docs/configuration.md`."""

import re
import socket
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bascule.mailbox.live import FIRST_FOLDERS
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import SpecialUse
from bascule.terms.size import parse_size

_ENDPOINT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]*)):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen; an empty ``host`` is every address, port 0 any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    data: Path
    """The folder of the installation: accounts, mailboxes, what the processes tell each other."""
    hostname: str = field(default_factory=socket.getfqdn)
    """The server's own name, as programs and other servers know it."""
    zone: str = "Europe/Paris"
    """The institution's time zone, for dates that people read."""
    processes: int = 2
    """Server processes; one for each core that mail may use."""
    certificate: Path | None = None
    """The server's certificate and those above it, in PEM. Without one there is no TLS, and sign-in only on loopback."""
    key: Path | None = None
    """The certificate's key, in PEM, without a password."""
    first_folders: tuple[str, ...] = tuple(FIRST_FOLDERS)
    """What a new mailbox has beside INBOX, subscribed: some of Drafts, Junk, Sent, Trash, Archive."""
    imap_listen: tuple[Endpoint, ...] = (Endpoint("127.0.0.1", 1143),)
    """IMAP in clear text, with STARTTLS where there is a certificate."""
    imap_listen_tls: tuple[Endpoint, ...] = ()
    """IMAP over TLS from the first octet (port 993)."""
    append_limit: int = 100 * 1024 * 1024
    """The largest message that is taken, in octets."""


FOLDERS = {**FIRST_FOLDERS, "Archive": SpecialUse.ARCHIVE}
"""What may be made, and what it is for."""
KEYS = {
    "server": {"data": "data", "hostname": "hostname", "zone": "zone", "processes": "processes"},
    "tls": {"certificate": "certificate", "key": "key"},
    "mailboxes": {"first_folders": "first_folders"},
    "imap": {"listen": "imap_listen", "listen_tls": "imap_listen_tls", "append_limit": "append_limit"},
}
"""Section → key → attribute of `Settings`."""


def read_settings(path: Path) -> Settings:
    """Paths in it are relative to its own folder. Raises BasculeError (usage) that names the setting and what it should be."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(f"{path} can't be read: {error.strerror}", "Name the file with --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(f"{path} is not TOML: {error}", "See docs/configuration.md.") from error
    values: dict[str, Any] = {}
    for section, content in told.items():
        if section not in KEYS or not isinstance(content, dict):
            raise _wrong(f"{path}: there is no section [{section}]", f"There are: {', '.join(KEYS)}.")
        for key, value in content.items():
            if key not in KEYS[section]:
                raise _wrong(f"{path}: [{section}] has no setting “{key}”", f"It has: {', '.join(KEYS[section])}.")
            values[KEYS[section][key]] = _READ[KEYS[section][key]](f"[{section}] {key}", value, path.parent)
    if "data" not in values:
        raise _wrong(f"{path}: [server] data is missing", "Name the folder that the installation keeps its mail in.")
    settings = Settings(**values)
    if (settings.certificate is None) != (settings.key is None):
        raise _wrong(f"{path}: [tls] needs both certificate and key", "Give both, or none.")
    if settings.imap_listen_tls and settings.certificate is None:
        raise _wrong(f"{path}: [imap] listen_tls needs a certificate", "Give [tls] certificate and key.")
    return settings


def _wrong(message: str, advice: str) -> BasculeError:
    return BasculeError(f"{message}.", advice, ExitStatus.USAGE)


def _path(name: str, value: Any, base: Path) -> Path:
    return base / _text(name, value, base)


def _text(name: str, value: Any, base: Path) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(f"{name} is a text", f'Write {name.split()[-1]} = "…".')
    return value


def _zone(name: str, value: Any, base: Path) -> str:
    text = _text(name, value, base)
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise _wrong(f"{name}: there is no time zone “{text}”", "Write one like Europe/Paris.") from error
    return text


def _number(name: str, value: Any, base: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 256:
        raise _wrong(f"{name} is a number from 1 to 256", "")
    return value


def _size(name: str, value: Any, base: Path) -> int:
    try:
        return parse_size(str(value))
    except ValueError as error:
        raise _wrong(f"{name} is a size", 'Write one like "100 MB".') from error


def _first_folders(name: str, value: Any, base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each in FOLDERS for each in value):
        raise _wrong(f"{name} is a list of folders", f"Choose among: {', '.join(FOLDERS)}.")
    return tuple(value)


def _endpoints(name: str, value: Any, base: Path) -> tuple[Endpoint, ...]:
    return tuple(_endpoint(name, each) for each in (value if isinstance(value, list) else [value]))


def _endpoint(name: str, value: Any) -> Endpoint:
    found = _ENDPOINT.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > 65535:
        raise _wrong(f"{name}: “{value}” is no address with a port", 'Write ["0.0.0.0:993", "[::]:993"].')
    return Endpoint(found["v6"] or found["host"] or "", int(found["port"]))


_READ = {
    "data": _path, "hostname": _text, "zone": _zone, "processes": _number, "certificate": _path, "key": _path,
    "first_folders": _first_folders, "imap_listen": _endpoints, "imap_listen_tls": _endpoints, "append_limit": _size,
}  # fmt: skip
