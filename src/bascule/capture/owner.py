"""Whose mailbox a mailbox on disk is, and whose copies those are that `copy` remembers: one source's, which nothing mixes with another.

UIDs and UIDVALIDITY of two people's folders may well be equal (made in the same second), so that nothing in the messages' rows tells them apart.
And what the source that is read does not hold counts as gone: two sources in turn would push one another's mail out.
"""

import os

from bascule.mailbox import Mailbox
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.location import Location, parse_location

SOURCE = "source"
"""Of `Mailbox.meta`: what was read last, a server's mailbox or files, these with their whole path. Earlier versions kept a path as it was typed."""


def require_owner(mailbox: Mailbox, location: str) -> None:
    """Raises BasculeError (usage) where the mailbox was filled from another source than ``location``: another user's mailbox, one on another machine,
    files at another path. One that remembers none may be filled from any. Blocks."""
    owner = mailbox.meta(SOURCE)
    if not owner or _is_one(owner, location):
        return
    if not mailbox.keeps_bodies:
        holds, place = "remembers the copies of", "--state"
    else:
        holds, place = "was made from" if _server(owner) is None else "is the mailbox of", "file"
    raise BasculeError(f"{mailbox.root} {holds} {owner}.", _advice(owner, location, place), ExitStatus.USAGE)


def remember_owner(mailbox: Mailbox, location: str) -> None:
    """Blocks."""
    kind, _, path = location.partition(":")
    mailbox.set_meta(SOURCE, location if _server(location) else f"{kind}:{_whole(path)}")


def _is_one(owner: str, comer: str) -> bool:
    """Two spellings of one path are one, and so are a link and what it leads to; a link stays what it was, wherever it leads today."""
    servers = _server(owner), _server(comer)
    if servers[0] is not None and servers[1] is not None:
        return servers[0].person == servers[1].person
    if servers != (None, None):
        return False
    paths = [location.partition(":")[2] for location in (owner, comer)]
    return len({_whole(path) for path in paths}) == 1 or len({os.path.realpath(path) for path in paths}) == 1


def _advice(owner: str, comer: str, place: str) -> str:
    servers = [location for location in (owner, comer) if _server(location)]
    if len(servers) == 2:
        one, other = (_name(location) for location in servers)
        return (
            f"The {place.lstrip('-')} is of {one}, the source is {other}: where these are two people, one’s mail would come into the other’s mailbox."
            f" Check SOURCE, or name another {place}. Only if they are the same person, whose user or server has another name now, add --same-person."
        )
    if servers:
        return f"Name another {place}: what a server has and what files hold would push one another out."
    return (
        f"Name another {place}, one for each source: the one would push the other’s mail out. Or put all the files into one folder (zips unpacked),"
        f" and name that with a {place} of its own. Where these are the same files, moved to another path, add --same-person."
    )


def _name(server: str) -> str:
    """User and host, which tell people apart."""
    location = parse_location(server)
    return f"“{location.user}” at {location.host}"


def _whole(path: str) -> str:
    """From the root down, and as text that a catalogue can keep, whatever octets are in it."""
    return os.fsencode(os.path.abspath(path)).decode("utf-8", "backslashreplace")


def _server(location: str) -> Location | None:
    """None for files."""
    if not location.lower().startswith(("imap://", "imaps://")):
        return None
    return parse_location(location)
