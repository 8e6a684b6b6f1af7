"""APPEND and MULTIAPPEND: RFC 9051 §6.3.12, RFC 3502; UIDPLUS's answer, RFC 4315 §3; UTF8, RFC 6855 §4."""

from bascule.protocols.imap.dates import format_date_time
from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.flags import format_flags
from bascule.protocols.imap.responses import Condition
from bascule.protocols.imap.sequence import expand, parse_ranges
from bascule.protocols.imap.tokens import as_number
from bascule.terms.flags import Flags
from bascule.terms.instant import InternalDate


def format_message_head(flags: Flags, date: InternalDate, octets: int, *, nonsync: bool, utf8: bool = False) -> bytes:
    """What stands before each message's octets, from the space after the mailbox name (or the message before) on.

    ``utf8``: its header is in UTF-8, and the connection has enabled UTF8=ACCEPT; ``)`` goes after its octets (RFC 6855 §4).
    Raises LocalError for flags and a date that the grammar has no form for: nothing that a server may not parse stands before a literal.
    """
    opening = b"UTF8 (~" if utf8 else b""
    plus = b"+" if nonsync else b""
    return b" (%b) %b %b{%d%b}\r\n" % (format_flags(flags), format_date_time(date), opening, octets, plus)


def appended_uids(condition: Condition, count: int) -> tuple[int, list[int]] | None:
    """UIDVALIDITY and the new UIDs in order, from ``[APPENDUID 38505 3955:3957]``; None without UIDPLUS, and where these are no ``count`` UIDs."""
    code = condition.code
    if code is None or code.name != "APPENDUID" or len(code.arguments) != 2:
        return None
    validity, uids = code.arguments
    try:
        ranges = parse_ranges(uids) if isinstance(uids, bytes) else []
        if sum(last - first + 1 for first, last in ranges) != count or any(first < 1 for first, _ in ranges):
            return None
        return as_number(validity), list(expand(ranges))
    except RemoteError:
        return None
