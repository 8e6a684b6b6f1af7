"""The tag and the name of a command; what follows is read by the command's own grammar."""

import re
from dataclasses import dataclass

from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.receiver import Frame

_START = re.compile(
    rb"(?P<tag>[!#$&',\-./0-9:;<=>?@A-Z^_`a-z|~\[\]]{1,64}) (?P<uid>[Uu][Ii][Dd] )?(?P<name>[A-Za-z0-9=-]{1,32})(?: |$)"
)
_TAG = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z^_`a-z|~\[\]]{1,64})(?: |$)")


class BadRequest(RemoteError):
    """The command can't be carried out as it is written; the connection goes on. ``tag``: None where there is none to answer."""

    def __init__(self, message: str, tag: bytes | None = None) -> None:
        super().__init__(message)
        self.tag = tag


@dataclass(frozen=True, slots=True)
class Request:
    """``name`` in capitals; ``uid``: UID stood before it. ``start``: where the arguments begin in the frame's first text."""

    tag: bytes
    name: str
    uid: bool
    frame: Frame
    start: int


def parse_request(frame: Frame) -> Request:
    """Raises BadRequest."""
    first = frame[0]
    assert isinstance(first, bytes)
    found = _START.match(first)
    if found is None:
        tag = _TAG.match(first)
        raise BadRequest("a command begins with a tag and a name", tag[1] if tag else None)
    return Request(found["tag"], found["name"].decode().upper(), found["uid"] is not None, frame, found.end())
