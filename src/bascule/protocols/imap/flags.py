r"""Flags as a client may write them: which a command can hold, and their list. RFC 9051 §9: ``flag``, ``flag-keyword``.

A flag's name comes from anywhere (a field of a mail's header, a file, another server). A server that can't read one answers BAD to the whole
command, and then takes the lines of a literal that was sent behind it (RFC 7888) for commands: a mail's text would run. So what is no keyword is never
written; `writable_flags` tells both apart, so that the rest can be named.
"""

import re
from functools import lru_cache

from bascule.protocols.imap.errors import LocalError
from bascule.protocols.imap.limits import FLAGS_OCTETS, KEYWORD_OCTETS, ORDINARY_KEYWORD_OCTETS
from bascule.terms.flags import Flags

_SYSTEM = frozenset({"\\seen", "\\answered", "\\flagged", "\\deleted", "\\draft"})
"""Those that a client may set. ``\\Recent`` is the server's own, ``\\*`` is only told (RFC 9051 §2.3.2). The grammar has ``\\`` with any atom
"for future expansion"; there is none yet, and Dovecot answers BAD to it."""
ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
"""RFC 9051 §9, atom: no control, space, ``( ) { % * " \\ ]``, and nothing above 126."""


def is_writable_flag(name: str) -> bool:
    """Whether a command can hold it."""
    if name.startswith("\\"):
        return name.lower() in _SYSTEM
    return len(name) <= KEYWORD_OCTETS and name.isascii() and ATOM.fullmatch(name.encode()) is not None


@lru_cache(maxsize=4096)
def writable_flags(flags: Flags) -> tuple[Flags, Flags]:
    """(Those that a command can hold, the rest). Together no longer than `FLAGS_OCTETS`; of more, the last in order are of the rest."""
    kept: list[str] = []
    octets = 0
    for name in sorted(flags):
        if is_writable_flag(name) and octets + len(name) < FLAGS_OCTETS:
            kept.append(name)
            octets += len(name) + 1
    return frozenset(kept), flags - frozenset(kept)


def ordinary_flags(flags: Flags) -> Flags:
    """Without the keywords that some servers refuse for their length, and a whole message with them (Dovecot: ``Keyword length too long``)."""
    return frozenset(name for name in flags if name.startswith("\\") or len(name) <= ORDINARY_KEYWORD_OCTETS)


@lru_cache(maxsize=4096)
def format_flags(flags: Flags) -> bytes:
    """The names, sorted, with a space between. Raises LocalError for what `writable_flags` leaves out."""
    kept, rest = writable_flags(flags)
    if rest:
        raise LocalError(f"not a flag that IMAP can write: {min(rest)!a}")
    return " ".join(sorted(kept)).encode("ascii")
