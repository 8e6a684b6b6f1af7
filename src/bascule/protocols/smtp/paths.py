"""Addresses as SMTP writes them. RFC 5321 §4.1.2; RFC 6531 §3.3 for those beyond ASCII

`format_path` is the one writer of an address into a command of SMTP or LMTP, and into a field that names one: what is no address is not written.
"""

import re
from functools import cache

from bascule.protocols.smtp.limits import ADDRESS_OCTETS, DOMAIN_OCTETS, LOCAL_OCTETS

_BEYOND = r"\u00a0-\u2027\u202f-\u2065\u2070-\ud7ff\ue000-\ufefe\uff00-\U0010ffff"
"""Beyond ASCII, without controls, line separators, and formats that turn a text round for whoever reads it."""


@cache
def _patterns(beyond: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """An address, and a local part that needs no quotes. Compiled when the first is met: ranges beyond ASCII take 70 ms, which every process
    would pay at its start."""
    atext = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~\-{beyond}]"
    dot_string = rf"{atext}+(?:\.{atext}+)*"
    quoted = rf'"(?:[ !#-\[\]-~{beyond}]|\\[ -~])*"'
    label = rf"[A-Za-z0-9_{beyond}](?:[A-Za-z0-9_\-{beyond}]*[A-Za-z0-9_{beyond}])?"
    domain = rf"(?:{label}(?:\.{label})*|\[[0-9A-Za-z:.\-]+\])"
    return re.compile(rf"(?P<local>{dot_string}|{quoted})@(?P<domain>{domain})"), re.compile(dot_string)


_PATH = re.compile(r'<(?:@[^:<>"]*:)?(?P<address>(?:"(?:\\.|[^"\\])*"|[^"<>])*)>(?P<rest>(?: .*)?)', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)")


def split_address(address: str) -> tuple[str, str]:
    """(local part, domain), the quotes of the local part taken off where it needs none. Raises ValueError."""
    whole, plain_local = _patterns("" if address.isascii() else _BEYOND)
    found = whole.fullmatch(address)
    if found is None or len(address.encode()) > ADDRESS_OCTETS:
        raise ValueError(address)
    local, domain = found["local"], found["domain"]
    if len(local.encode()) > LOCAL_OCTETS or len(domain.encode()) > DOMAIN_OCTETS:
        raise ValueError(address)
    if local.startswith('"'):
        plain = _QUOTED_PAIR.sub(r"\1", local[1:-1])
        local = plain if plain_local.fullmatch(plain) else local
    return local, domain


def is_address(text: str) -> bool:
    try:
        split_address(text)
    except ValueError:
        return False
    return True


def is_path(address: str) -> bool:
    """Whether a command can hold it: an address, the null path, or ``postmaster`` alone."""
    return address in ("", "postmaster") or is_address(address)


def format_path(address: str) -> str:
    """``<address>``; ``<>`` for "", the null path; ``<postmaster>`` (RFC 5321 §4.5.1). Raises ValueError for what is no address."""
    if not is_path(address):
        raise ValueError("not a mail address")
    return f"<{address}>"


def take_path(text: str) -> tuple[str, str]:
    """(address, what follows) of ``<address> …``; a source route is passed over (RFC 5321 appendix C); the null path is "". Raises ValueError."""
    found = _PATH.fullmatch(text)
    if found is None:
        raise ValueError(text)
    address = found["address"]
    if not address:
        return "", found["rest"]
    if address.lower() == "postmaster":
        return "postmaster", found["rest"]
    local, domain = split_address(address)
    return f"{local}@{domain}", found["rest"]
