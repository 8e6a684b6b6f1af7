"""Whose mailbox a mailbox on disk is, and whose copies those are that `copy` remembers: one person's, whom nothing mixes with another.

UIDs and UIDVALIDITY of two people's folders may well be equal (made in the same second), so that nothing in the messages' rows tells them apart.
"""

from bascule.mailbox import Mailbox
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.location import Location, parse_location

SOURCE = "source"
"""Of `Mailbox.meta`: the server's mailbox that was read last, else the files that were brought in last."""


def require_owner(mailbox: Mailbox, location: str) -> None:
    """Raises BasculeError (usage) where the mailbox was filled from a server's, and ``location`` is that of another user or on another
    machine. Files are nobody's, and may be brought into any. Blocks."""
    owner, comer = _server(mailbox.meta(SOURCE) or ""), _server(location)
    if owner is None or comer is None or owner.person == comer.person:
        return
    holds, place = ("is the mailbox of", "file") if mailbox.keeps_bodies else ("remembers the copies of", "--state")
    advice = f"Name another {place}; or, where one person’s server or user has another name now, add --same-person."
    raise BasculeError(f"{mailbox.root} {holds} {owner}.", advice, ExitStatus.USAGE)


def remember_owner(mailbox: Mailbox, location: str) -> None:
    """Files that are brought in do not make anybody forget the server that it comes from. Blocks."""
    if _server(location) is not None or _server(mailbox.meta(SOURCE) or "") is None:
        mailbox.set_meta(SOURCE, location)


def _server(location: str) -> Location | None:
    """None for files, and for a mailbox that nothing was brought into yet."""
    if not location.lower().startswith(("imap://", "imaps://")):
        return None
    return parse_location(location)
