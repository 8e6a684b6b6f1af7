"""``bascule.toml``: every setting, what it means, and what it is when nothing is said. Tested against `docs/configuration.md`."""

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bascule.mailbox.live import FIRST_FOLDERS
from bascule.platform.accounts.attempts import Network
from bascule.platform.node import node_of
from bascule.platform.settings_file import (
    Endpoint,
    Kind,
    as_address,
    as_count,
    as_endpoints,
    as_name_servers,
    as_networks,
    as_path,
    as_port,
    as_server,
    as_size,
    as_span,
    as_text,
    as_zone,
    load,
    read_sections,
    wrong,
)
from bascule.terms.folder import SpecialUse
from bascule.terms.phases import Side

_MILTER = re.compile(r"inet:[^\s:]+:\d{1,5}|inet:\[[0-9A-Fa-f:.]+\]:\d{1,5}|unix:/\S+")


@dataclass(frozen=True, slots=True)
class Settings:
    data: Path
    """The folder of the installation: accounts, mailboxes, what the processes tell each other."""
    hostname: str = field(default_factory=socket.getfqdn)
    """The server's own name, as programs and other servers know it."""
    node: str = field(default_factory=socket.gethostname)
    """This machine among several that share a database (`bascule.platform.node`): its mailboxes are bound to it, and opened here only."""
    zone: str = "Europe/Paris"
    """The institution's time zone, for dates that people read."""
    side: Side = Side.NEW
    """Of a move: the platform that members come to, or the one that they leave."""
    rehearsal_clock: Path | None = None
    """A file that shifts this installation's time: for rehearsals and demos, never where real mail is."""
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
    inner_networks: tuple[Network, ...] = ()
    """Networks of addresses that are not of the world (loopback, 10.0.0.0/8…), to which mail may be sent all the same."""
    first_retry_seconds: float = 300.0
    warn_after_seconds: float = 4 * 3600.0
    give_up_after_seconds: float = 5 * 24 * 3600.0
    trusted: tuple[Network, ...] = ()
    """The institution's own networks, where thousands may share an address: more wrong passwords are borne with from there."""
    has_portal: bool = False
    """Whether the portal keeps the accounts: there is a section [portal]."""


FOLDERS = {**FIRST_FOLDERS, "Archive": SpecialUse.ARCHIVE}
"""What may be made, and what it is for."""
KEYS: dict[str, dict[str, str]] = {
    "server": {
        "data": "data",
        "hostname": "hostname",
        "node": "node",
        "zone": "zone",
        "side": "side",
        "processes": "processes",
        "rehearsal_clock": "rehearsal_clock",
    },
    "tls": {"certificate": "certificate", "key": "key"},
    "sign_in": {"trusted": "trusted"},
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
        "inner_networks": "inner_networks",
        "first_retry": "first_retry_seconds",
        "warn_after": "warn_after_seconds",
        "give_up_after": "give_up_after_seconds",
    },
}
"""Section → key → attribute of `Settings`."""
PORTAL_SECTIONS = ("portal", "institution", "ldap", "cas", "oidc")
"""What `bascule.portal.configuration` reads."""


def read_settings(path: Path) -> Settings:
    """Paths in it are relative to its own folder. Raises BasculeError (usage) that names the setting and what it should be."""
    told = load(path)
    values = read_sections(path, told, KEYS, _READ, elsewhere=PORTAL_SECTIONS)
    if "data" not in values:
        raise wrong(f"{path}: [server] data is missing", "Name the folder that the installation keeps its mail in.")
    values.setdefault("node", node_of(values["data"]))
    settings = Settings(**values, has_portal="portal" in told)
    if (settings.certificate is None) != (settings.key is None):
        raise wrong(f"{path}: [tls] needs both certificate and key", "Give both, or none.")
    for section, listens in (("imap", settings.imap_listen_tls), ("submission", settings.submission_listen_tls)):
        if listens and settings.certificate is None:
            raise wrong(f"{path}: [{section}] listen_tls needs a certificate", "Give [tls] certificate and key.")
    if (settings.smarthost_user is None) != (settings.smarthost_password_file is None):
        raise wrong(f"{path}: [queue] needs both smarthost_user and smarthost_password_file", "Give both, or none.")
    return settings


def _number(name: str, value: Any, base: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 256:
        raise wrong(f"{name} is a number from 1 to 256", "")
    return value


def _first_folders(name: str, value: Any, base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each in FOLDERS for each in value):
        raise wrong(f"{name} is a list of folders", f"Choose among: {', '.join(FOLDERS)}.")
    return tuple(value)


def _side(name: str, value: Any, base: Path) -> Side:
    if value not in tuple(Side):
        raise wrong(f"{name} is “old” or “new”", "It is new on the platform that members come to.")
    return Side(value)


def _folder_name(name: str, value: Any, base: Path) -> str:
    text = as_text(name, value, base)
    if "/" in text or not text.isprintable() or text.upper() == "INBOX":
        raise wrong(f"{name} is the name of a folder", 'Write "Other Users" or "Autres boîtes".')
    return text


def _milters(name: str, value: Any, base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and _MILTER.fullmatch(each) for each in value):
        raise wrong(f"{name} is a list of filters", 'Write ["inet:127.0.0.1:11332"] or ["unix:/run/filter.sock"].')
    return tuple(value)


_READ: dict[str, Kind] = {
    "data": as_path, "hostname": as_text, "node": as_text, "zone": as_zone, "side": _side, "processes": _number, "rehearsal_clock": as_path, "certificate": as_path, "key": as_path,
    "first_folders": _first_folders, "others": _folder_name, "keep_deleted_seconds": as_span, "imap_listen": as_endpoints, "imap_listen_tls": as_endpoints, "append_limit": as_size,
    "smtp_listen": as_endpoints, "lmtp_listen": as_endpoints, "message_limit": as_size, "postmaster": as_address, "milters": _milters,
    "submission_listen": as_endpoints, "submission_listen_tls": as_endpoints, "recipients_per_day": as_count, "dkim_selector": as_text,
    "dkim_key": as_path, "smarthost": as_server, "smarthost_user": as_text, "smarthost_password_file": as_path, "nameservers": as_name_servers,
    "mx_port": as_port, "trusted": as_networks, "inner_networks": as_networks, "first_retry_seconds": as_span, "warn_after_seconds": as_span, "give_up_after_seconds": as_span,
}  # fmt: skip
