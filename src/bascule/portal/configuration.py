"""What the portal reads of ``bascule.toml``: the institution, its sign-on, its database. Tested against `docs/configuration.md`."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bascule.platform.accounts.attempts import Network
from bascule.platform.settings import KEYS as PLATFORM_KEYS
from bascule.platform.settings import Settings, read_settings
from bascule.platform.settings_file import (
    Endpoint,
    Kind,
    as_endpoint,
    as_networks,
    as_path,
    as_text,
    load,
    read_sections,
    wrong,
)

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LISTEN = Endpoint("127.0.0.1", 8025)
SIGN_ONS = ("local", "ldap", "cas", "oidc")


@dataclass(frozen=True, slots=True)
class PortalSettings:
    platform: Settings
    """Of the same file."""
    listen: Endpoint = _LISTEN
    """HTTP; HTTPS where [tls] has a certificate. Behind a web server in front of it, loopback."""
    url: str = "http://127.0.0.1:8025"
    """How members reach the portal: in links, and the only host that it answers to."""
    proxies: tuple[str, ...] = ()
    """Addresses of web servers in front of it, which are believed when they say who asks and how (X-Forwarded-For, X-Forwarded-Proto)."""
    monitors: tuple[Network, ...] = ()
    """Networks from which ``/metrics`` is read, beside this machine."""
    database: str | None = None
    """``postgresql://user@host/name``; none: an SQLite file in the data folder."""
    database_password_file: Path | None = None
    keys: Path | None = None
    """The file of its secrets; none: ``keys/portal.json`` in the data folder, made when it is first needed."""
    sign_on: tuple[str, ...] = ("local",)
    """How members sign on, in the order offered: local, ldap, cas, oidc."""
    second_factor: bool = False
    """Whoever sees the operators' pages must have one; otherwise everybody may have one."""
    processes: int = 2
    """That serve pages."""
    threads: int = 2
    """Of each, for pages."""
    workers: int = 2
    """Pieces of long work that `bascule serve` does at once (`bascule.portal.jobs`); 0: it leaves them to `bascule worker`."""
    name: str = "Université d’Exemple"
    """The institution's, as members know it."""
    short_name: str = ""
    """For small screens; otherwise the name."""
    colour: str = "#1f5a8c"
    """The accent; white must be readable on it (WCAG 2.2, 1.4.3)."""
    logo: Path | None = None
    """SVG or PNG, wider than high."""
    help_text: str = ""
    """How to reach assistance without this page: a telephone number, a place."""
    mailbox_url: str = ""
    """Where members open the new mailbox on the web; shown from T on. This and the next three: none is shown where they are empty."""
    archives_url: str = ""
    """Where they read their old mail; shown while their archives are open."""
    guide_url: str = ""
    assistance_url: str = ""
    ldap_uri: str = ""
    """``ldaps://directory.example.org``; ``ldap://`` uses StartTLS, but on loopback."""
    ldap_base: str = ""
    """Below which members are looked for."""
    ldap_filter: str = "(uid={login})"
    """Finds one by what they typed."""
    ldap_bind_dn: str = ""
    """Who looks; empty: anonymous."""
    ldap_password_file: Path | None = None
    ldap_sign_on: str = "uid"
    """The attribute that is the sign-on name in Bascule."""
    ldap_members: str = "(&(objectClass=person)(mail=*))"
    """Finds everybody who has a mailbox, for the list of members."""
    ldap_name: str = "cn"
    """The attributes of such an entry; an empty one is not asked for."""
    ldap_address: str = "mail"
    ldap_aliases: str = ""
    ldap_office: str = "ou"
    ldap_site: str = "l"
    ldap_language: str = "preferredLanguage"
    ldap_wave: str = ""
    cas_url: str = ""
    """``https://cas.example.org/cas/``"""
    oidc_issuer: str = ""
    """The provider; its ``/.well-known/openid-configuration`` says the rest."""
    oidc_client: str = ""
    oidc_secret_file: Path | None = None
    oidc_claim: str = "preferred_username"
    """The claim that is the sign-on name in Bascule."""
    oidc_name: str = ""
    """What its button says; otherwise the institution's name."""

    @property
    def keys_file(self) -> Path:
        return self.keys or self.platform.data / "keys" / "portal.json"

    @property
    def secret_files(self) -> tuple[Path | None, ...]:
        """Beside those of the platform."""
        return self.keys_file, self.database_password_file, self.ldap_password_file, self.oidc_secret_file

    @property
    def zone(self) -> str:
        return self.platform.zone


KEYS: dict[str, dict[str, str]] = {
    "portal": {
        "listen": "listen", "url": "url", "proxies": "proxies", "monitors": "monitors", "database": "database", "database_password_file": "database_password_file", "keys": "keys",
        "sign_on": "sign_on", "second_factor": "second_factor", "processes": "processes", "threads": "threads", "workers": "workers",
    },
    "institution": {"name": "name", "short_name": "short_name", "colour": "colour", "logo": "logo", "help": "help_text", "mailbox": "mailbox_url", "archives": "archives_url", "guide": "guide_url", "assistance": "assistance_url"},
    "ldap": {
        "uri": "ldap_uri", "base": "ldap_base", "filter": "ldap_filter", "bind_dn": "ldap_bind_dn",
        "password_file": "ldap_password_file", "sign_on": "ldap_sign_on", "members": "ldap_members", "name": "ldap_name", "address": "ldap_address",
        "aliases": "ldap_aliases", "office": "ldap_office", "site": "ldap_site", "language": "ldap_language", "wave": "ldap_wave",
    },
    "cas": {"url": "cas_url"},
    "oidc": {
        "issuer": "oidc_issuer", "client": "oidc_client", "secret_file": "oidc_secret_file", "claim": "oidc_claim", "name": "oidc_name",
    },
}  # fmt: skip
"""Section → key → attribute of `PortalSettings`."""


def read_portal_settings(path: Path) -> PortalSettings:
    """Raises BasculeError (usage) that names the setting and what it should be."""
    platform = read_settings(path)
    told = load(path)
    if "portal" not in told:
        raise wrong(f"{path} has no section [portal]", "Write one, even empty, where the portal is to be: see docs/configuration.md.")  # fmt: skip
    settings = PortalSettings(platform, **read_sections(path, told, KEYS, _READ, elsewhere=tuple(PLATFORM_KEYS)))
    address = urlsplit(settings.url)
    if "listen" not in told["portal"] and address.port and address.hostname in ("127.0.0.1", "localhost"):
        settings = replace(settings, listen=Endpoint("127.0.0.1", address.port))
    for name, needed in (
        ("ldap", {"uri": settings.ldap_uri, "base": settings.ldap_base}),
        ("cas", {"url": settings.cas_url}),
        ("oidc", {"issuer": settings.oidc_issuer, "client": settings.oidc_client}),
    ):
        missing = [key for key, value in needed.items() if not value]
        if name in settings.sign_on and missing:
            raise wrong(f"{path}: sign-on by {name} needs [{name}] {missing[0]}", "See docs/configuration.md.")
    return settings


def contrast_with_white(colour: str) -> float:
    """The ratio of WCAG 2.2 (relative luminance), from 1 to 21. ``colour``: ``#rrggbb``."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)


def _colour(name: str, value: Any, base: Path) -> str:
    text = as_text(name, value, base)
    if not _COLOUR.fullmatch(text):
        raise wrong(f"{name} is a colour", 'Write one like "#1f5a8c".')
    if contrast_with_white(text) < 4.5:
        raise wrong(f"{name}: white can't be read on {text} (contrast {contrast_with_white(text):.1f}, 4.5 is needed)", "Choose a darker one.")  # fmt: skip
    return text.lower()


def _sign_on(name: str, value: Any, base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or any(each not in SIGN_ONS for each in value):
        raise wrong(f"{name} is a list of ways to sign on", f"Choose among: {', '.join(SIGN_ONS)}.")
    return tuple(value)


def _proxies(name: str, value: Any, base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise wrong(f"{name} is a list of addresses", 'Write ["127.0.0.1"].')
    return tuple(value)


def _url(name: str, value: Any, base: Path) -> str:
    text = as_text(name, value, base)
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", text):
        raise wrong(f"{name} is an address of the web", 'Write one like "https://mail.example.org".')
    return text


def _database(name: str, value: Any, base: Path) -> str:
    text = as_text(name, value, base)
    if not re.fullmatch(r"postgres(ql)?://\S+", text):
        raise wrong(f"{name} is “postgresql://user@host/name”", "Leave it out for SQLite.")
    return text


def _filter(name: str, value: Any, base: Path) -> str:
    text = as_text(name, value, base)
    if "{login}" not in text:
        raise wrong(f"{name} has {{login}} where what was typed goes", 'Write one like "(uid={login})".')
    return text


def _yes_or_no(name: str, value: Any, base: Path) -> bool:
    if not isinstance(value, bool):
        raise wrong(f"{name} is true or false", "Write it without quotation marks.")
    return value


def _attribute(name: str, value: Any, base: Path) -> str:
    """Which may be none."""
    return "" if value == "" else as_text(name, value, base)


def _workers(name: str, value: Any, base: Path) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else _threads(name, value, base)


def _threads(name: str, value: Any, base: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 64:
        raise wrong(f"{name} is a number from 1 to 64", "")
    return value


_READ: dict[str, Kind] = {
    "listen": as_endpoint, "url": _url, "proxies": _proxies, "monitors": as_networks, "database": _database, "database_password_file": as_path, "keys": as_path, "sign_on": _sign_on, "second_factor": _yes_or_no,
    "processes": _threads, "threads": _threads, "workers": _workers, "name": as_text, "short_name": as_text, "colour": _colour, "logo": as_path,
    "help_text": as_text, "mailbox_url": _url, "archives_url": _url, "guide_url": _url, "assistance_url": _url, "ldap_uri": as_text, "ldap_base": as_text, "ldap_filter": _filter, "ldap_bind_dn": as_text,
    "ldap_password_file": as_path, "ldap_sign_on": as_text, "ldap_members": as_text, "ldap_name": as_text, "ldap_address": as_text,
    "ldap_aliases": _attribute, "ldap_office": _attribute, "ldap_site": _attribute, "ldap_language": _attribute, "ldap_wave": _attribute,
    "cas_url": _url, "oidc_issuer": _url, "oidc_client": as_text,
    "oidc_secret_file": as_path, "oidc_claim": as_text, "oidc_name": as_text,
}  # fmt: skip
