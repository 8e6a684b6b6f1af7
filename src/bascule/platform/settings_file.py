"""How `bascule.toml` is read: sections, keys, and what a value may be. Which there are, `bascule.platform.settings` and the portal's say."""

import ipaddress
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bascule.platform.accounts.attempts import Network
from bascule.platform.ownership import advice_for_one_kept_out
from bascule.protocols.smtp import is_address
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.size import parse_size

Sections = Mapping[str, Mapping[str, str]]
"""Section → key → attribute of the settings."""
Kind = Callable[[str, Any, Path], Any]
"""Makes a setting of (its name, the value in the file, the file's folder). Raises BasculeError."""

_ENDPOINT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]*)):(?P<port>\d{1,5})")
_SPAN = re.compile(r"(\d{1,6}) ?(s|min|h|d)")
_SPAN_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen; an empty ``host`` is every address, port 0 any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def load(path: Path) -> dict[str, Any]:
    """The file's sections, not looked at yet. Raises BasculeError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise wrong(f"{path} can't be read: {error.strerror}", advice_for_one_kept_out(path)) from error
    except OSError as error:
        raise wrong(f"{path} can't be read: {error.strerror}", "Name the file with --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise wrong(f"{path} is not TOML: {error}", "See docs/configuration.md.") from error


def read_sections(
    path: Path,
    told: Mapping[str, Any],
    sections: Sections,
    kinds: Mapping[str, Kind],
    *,
    elsewhere: Collection[str] = (),
) -> dict[str, Any]:
    """Attribute → value, for what is said of ``sections``; those ``elsewhere`` are somebody else's. Raises BasculeError (usage) that names the setting and what it should be."""
    values: dict[str, Any] = {}
    for section, content in told.items():
        if section in elsewhere:
            continue
        if section not in sections or not isinstance(content, dict):
            raise wrong(f"{path}: there is no section [{section}]", f"There are: {', '.join([*sections, *elsewhere])}.")
        for key, value in content.items():
            if key not in sections[section]:
                raise wrong(f"{path}: [{section}] has no setting “{key}”", f"It has: {', '.join(sections[section])}.")
            values[sections[section][key]] = kinds[sections[section][key]](f"[{section}] {key}", value, path.parent)
    return values


def wrong(message: str, advice: str) -> BasculeError:
    return BasculeError(f"{message}.", advice, ExitStatus.USAGE)


def as_path(name: str, value: Any, base: Path) -> Path:
    return base / as_text(name, value, base)


def as_text(name: str, value: Any, base: Path) -> str:
    if not isinstance(value, str) or not value:
        raise wrong(f"{name} is a text", f'Write {name.split()[-1]} = "…".')
    return value


def as_zone(name: str, value: Any, base: Path) -> str:
    text = as_text(name, value, base)
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise wrong(f"{name}: there is no time zone “{text}”", "Write one like Europe/Paris.") from error
    return text


def as_size(name: str, value: Any, base: Path) -> int:
    try:
        return parse_size(str(value))
    except ValueError as error:
        raise wrong(f"{name} is a size", 'Write one like "100 MB".') from error


def as_address(name: str, value: Any, base: Path) -> str:
    text = as_text(name, value, base)
    if not is_address(text):
        raise wrong(f"{name} is a mail address", 'Write "postmaster@example.org".')
    return text.lower()


def as_port(name: str, value: Any, base: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise wrong(f"{name} is a port, from 1 to 65535", "")
    return value


def as_count(name: str, value: Any, base: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise wrong(f"{name} is a number from 1", "")
    return value


def as_span(name: str, value: Any, base: Path) -> float:
    found = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise wrong(f"{name} is a span of time", 'Write one like "5 min", "4 h" or "5 d".')
    return int(found[1]) * _SPAN_SECONDS[found[2]]


def as_networks(name: str, value: Any, base: Path) -> tuple[Network, ...]:
    try:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError("no list of texts")
        return tuple(ipaddress.ip_network(each, strict=False) for each in value)
    except ValueError as error:
        raise wrong(f"{name} is a list of networks", 'Write ["192.0.2.0/24", "2001:db8::/32"].') from error


def as_endpoints(name: str, value: Any, base: Path) -> tuple[Endpoint, ...]:
    """Where to listen."""
    return tuple(
        _endpoint(name, each, '["0.0.0.0:993", "[::]:993"]') for each in (value if isinstance(value, list) else [value])
    )


def as_endpoint(name: str, value: Any, base: Path) -> Endpoint:
    """Where to listen, at one place."""
    return _endpoint(name, value, '"127.0.0.1:8025"')


def as_server(name: str, value: Any, base: Path) -> Endpoint:
    """Another server, to be reached there."""
    return _server(name, value, '"relay.example.org:25"')


def as_name_servers(name: str, value: Any, base: Path) -> tuple[Endpoint, ...]:
    return tuple(_server(name, each, '["192.0.2.53:53"]') for each in (value if isinstance(value, list) else [value]))


def _server(name: str, value: Any, example: str) -> Endpoint:
    found = _endpoint(name, value, example)
    if not found.host:
        raise wrong(f"{name}: “{value}” names no server", f"Write {example}.")
    return found


def _endpoint(name: str, value: Any, example: str) -> Endpoint:
    found = _ENDPOINT.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > 65535:
        raise wrong(f"{name}: “{value}” is no address with a port", f"Write {example}.")
    return Endpoint(found["v6"] or found["host"] or "", int(found["port"]))
