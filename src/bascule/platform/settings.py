"""``bascule.toml``: every setting, what it means, and what it is when nothing is said. Tested against `docs/configuration.md`."""

import re
import socket
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bascule.mailbox.live import FIRST_FOLDERS
from bascule.protocols.smtp import is_address
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import SpecialUse
from bascule.terms.phases import Side
from bascule.terms.size import parse_size

_ENDPOINT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]*)):(?P<port>\d{1,5})")
_MILTER = re.compile(r"inet:[^\s:]+:\d{1,5}|inet:\[[0-9A-Fa-f:.]+\]:\d{1,5}|unix:/\S+")
_SPAN = re.compile(r"(\d{1,6}) ?(s|min|h|d)")
_SPAN_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


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
    side: Side = Side.NEW
    """Of a move: the platform that members come to, or the one that they leave."""
    processes: int = 2
    """Server processes; one for each core that mail may use."""
    certificate: Path | None = None
    """The server's certificate and those above it, in PEM. Without one there is no TLS, and sign-in only on loopback."""
    key: Path | None = None
    """The certificate's key, in PEM, without a password."""
    first_folders: tuple[str, ...] = tuple(FIRST_FOLDERS)
    """What a new mailbox has beside INBOX, subscribed: some of Drafts, Junk, Sent, Trash, Archive."""
    keep_deleted_seconds: float = 30 * 24 * 3600.0
    """What was expunged can be given back for so long; then it goes for good."""
    others: str = "Other Users"
    """The name above the folders that other people share, in every program's list."""
    imap_listen: tuple[Endpoint, ...] = (Endpoint("127.0.0.1", 1143),)
    """IMAP in clear text, with STARTTLS where there is a certificate."""
    imap_listen_tls: tuple[Endpoint, ...] = ()
    """IMAP over TLS from the first octet (port 993)."""
    append_limit: int = 100 * 1024 * 1024
    """The largest message that is taken, in octets."""
    smtp_listen: tuple[Endpoint, ...] = (Endpoint("127.0.0.1", 1025),)
    """SMTP from other servers (port 25), with STARTTLS where there is a certificate."""
    lmtp_listen: tuple[Endpoint, ...] = ()
    """LMTP, for a mail server in front of this one: whoever reaches it is believed."""
    message_limit: int = 50 * 1024 * 1024
    """The largest message taken by SMTP, LMTP and submission, in octets."""
    postmaster: str | None = None
    """The address that gets mail for postmaster and abuse."""
    milters: tuple[str, ...] = ()
    """Filters that see what arrives and leaves, asked in order: ``inet:host:port`` or ``unix:/path``."""
    submission_listen: tuple[Endpoint, ...] = (Endpoint("127.0.0.1", 1587),)
    """Submission with STARTTLS (port 587)."""
    submission_listen_tls: tuple[Endpoint, ...] = ()
    """Submission over TLS from the first octet (port 465)."""
    recipients_per_day: int = 2000
    """That one account may write to within 24 hours."""
    dkim_selector: str = "bascule"
    dkim_key: Path | None = None
    """An RSA key in PEM; none: one is made in the data folder."""
    smarthost: Endpoint | None = None
    """Where all outgoing mail goes; none: to where DNS says."""
    smarthost_user: str | None = None
    smarthost_password_file: Path | None = None
    nameservers: tuple[Endpoint, ...] = ()
    """Asked instead of the system's."""
    mx_port: int = 25
    first_retry_seconds: float = 300.0
    warn_after_seconds: float = 4 * 3600.0
    give_up_after_seconds: float = 5 * 24 * 3600.0


FOLDERS = {**FIRST_FOLDERS, "Archive": SpecialUse.ARCHIVE}
"""What may be made, and what it is for."""
KEYS: dict[str, dict[str, str]] = {
    "server": {"data": "data", "hostname": "hostname", "zone": "zone", "side": "side", "processes": "processes"},
    "tls": {"certificate": "certificate", "key": "key"},
    "mailboxes": {"first_folders": "first_folders", "others": "others", "keep_deleted": "keep_deleted_seconds"},
    "imap": {"listen": "imap_listen", "listen_tls": "imap_listen_tls", "append_limit": "append_limit"},
    "smtp": {
        "listen": "smtp_listen",
        "message_limit": "message_limit",
        "postmaster": "postmaster",
        "milters": "milters",
    },
    "lmtp": {"listen": "lmtp_listen"},
    "submission": {
        "listen": "submission_listen",
        "listen_tls": "submission_listen_tls",
        "recipients_per_day": "recipients_per_day",
    },
    "dkim": {"selector": "dkim_selector", "key": "dkim_key"},
    "queue": {
        "smarthost": "smarthost",
        "smarthost_user": "smarthost_user",
        "smarthost_password_file": "smarthost_password_file",
        "nameservers": "nameservers",
        "mx_port": "mx_port",
        "first_retry": "first_retry_seconds",
        "warn_after": "warn_after_seconds",
        "give_up_after": "give_up_after_seconds",
    },
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
    for section, listens in (("imap", settings.imap_listen_tls), ("submission", settings.submission_listen_tls)):
        if listens and settings.certificate is None:
            raise _wrong(f"{path}: [{section}] listen_tls needs a certificate", "Give [tls] certificate and key.")
    if (settings.smarthost_user is None) != (settings.smarthost_password_file is None):
        raise _wrong(f"{path}: [queue] needs both smarthost_user and smarthost_password_file", "Give both, or none.")
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


def _address(name: str, value: Any, base: Path) -> str:
    text = _text(name, value, base)
    if not is_address(text):
        raise _wrong(f"{name} is a mail address", 'Write "postmaster@example.org".')
    return text.lower()


def _side(name: str, value: Any, base: Path) -> Side:
    if value not in tuple(Side):
        raise _wrong(f"{name} is “old” or “new”", "It is new on the platform that members come to.")
    return Side(value)


def _folder_name(name: str, value: Any, base: Path) -> str:
    text = _text(name, value, base)
    if "/" in text or not text.isprintable() or text.upper() == "INBOX":
        raise _wrong(f"{name} is the name of a folder", 'Write "Other Users" or "Autres boîtes".')
    return text


def _port(name: str, value: Any, base: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise _wrong(f"{name} is a port, from 1 to 65535", "")
    return value


def _count(name: str, value: Any, base: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _wrong(f"{name} is a number from 1", "")
    return value


def _span(name: str, value: Any, base: Path) -> float:
    found = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise _wrong(f"{name} is a span of time", 'Write one like "5 min", "4 h" or "5 d".')
    return int(found[1]) * _SPAN_SECONDS[found[2]]


def _milters(name: str, value: Any, base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and _MILTER.fullmatch(each) for each in value):
        raise _wrong(f"{name} is a list of filters", 'Write ["inet:127.0.0.1:11332"] or ["unix:/run/filter.sock"].')
    return tuple(value)


def _endpoints(name: str, value: Any, base: Path) -> tuple[Endpoint, ...]:
    return tuple(_endpoint(name, each, base) for each in (value if isinstance(value, list) else [value]))


def _endpoint(name: str, value: Any, base: Path) -> Endpoint:
    found = _ENDPOINT.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > 65535:
        raise _wrong(f"{name}: “{value}” is no address with a port", 'Write ["0.0.0.0:993", "[::]:993"].')
    return Endpoint(found["v6"] or found["host"] or "", int(found["port"]))


_READ: dict[str, Callable[[str, Any, Path], Any]] = {
    "data": _path, "hostname": _text, "zone": _zone, "side": _side, "processes": _number, "certificate": _path, "key": _path,
    "first_folders": _first_folders, "others": _folder_name, "keep_deleted_seconds": _span, "imap_listen": _endpoints, "imap_listen_tls": _endpoints, "append_limit": _size,
    "smtp_listen": _endpoints, "lmtp_listen": _endpoints, "message_limit": _size, "postmaster": _address, "milters": _milters,
    "submission_listen": _endpoints, "submission_listen_tls": _endpoints, "recipients_per_day": _count, "dkim_selector": _text,
    "dkim_key": _path, "smarthost": _endpoint, "smarthost_user": _text, "smarthost_password_file": _path, "nameservers": _endpoints,
    "mx_port": _port, "first_retry_seconds": _span, "warn_after_seconds": _span, "give_up_after_seconds": _span,
}  # fmt: skip
