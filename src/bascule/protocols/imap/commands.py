"""A command as the octets to send: text, with literals where an argument can't be quoted.

A command is a sequence of segments. `Wait` between two means that the server's ``+`` must arrive before the next is sent
(a synchronising literal, RFC 9051 §4.3); with LITERAL+ or LITERAL- (RFC 7888) there is none.
"""

import re
from dataclasses import dataclass
from enum import Enum

from bascule.protocols.imap.names import quote

_ATOM = re.compile(rb"[A-Za-z0-9._$:/@!#&'+,;<=>?^`|~-]+")
_QUOTABLE_OCTETS = 1024


class Wait(Enum):
    CONTINUATION = "continuation"


WAIT = Wait.CONTINUATION
Segment = bytes | Wait


@dataclass(frozen=True, slots=True)
class LiteralRule:
    """How this connection may send literals: ``nonsync_octets`` is the largest that need not wait for ``+``.

    None: any size (LITERAL+). 4096: LITERAL-. -1: each waits.
    """

    nonsync_octets: int | None = -1

    @classmethod
    def from_capabilities(cls, capabilities: frozenset[str]) -> "LiteralRule":
        if "LITERAL+" in capabilities:
            return cls(None)
        # RFC 7888 §5; IMAP4rev2 includes LITERAL- (RFC 9051 §4.3)
        return cls(4096 if "LITERAL-" in capabilities or "IMAP4REV2" in capabilities else -1)

    def allows(self, octets: int) -> bool:
        return self.nonsync_octets is None or octets <= self.nonsync_octets


def literal(value: bytes, rule: LiteralRule) -> list[Segment]:
    if rule.allows(len(value)):
        return [b"{%d+}\r\n" % len(value) + value]
    return [b"{%d}\r\n" % len(value), WAIT, value]


def astring(value: bytes, rule: LiteralRule) -> list[Segment]:
    """An argument in the shortest form that the grammar allows it: atom, quoted string, literal. RFC 9051 §9, astring"""
    if _ATOM.fullmatch(value) and value.upper() != b"NIL":
        return [value]
    if len(value) <= _QUOTABLE_OCTETS and not any(octet in value for octet in b"\r\n\0") and value.isascii():
        return [quote(value)]
    return literal(value, rule)


def command(name: bytes, *arguments: bytes | list[Segment]) -> list[Segment]:
    """``name`` and its arguments with a space between; bytes are sent as they stand. The tag and CRLF are the sender's."""
    segments: list[Segment] = [name]
    for argument in arguments:
        pieces = [argument] if isinstance(argument, bytes) else argument
        segments.append(b" ")
        segments.extend(pieces)
    return join(segments)


def join(segments: list[Segment]) -> list[Segment]:
    """Neighbouring octets become one segment."""
    joined: list[Segment] = []
    for segment in segments:
        if joined and isinstance(segment, bytes) and isinstance(joined[-1], bytes):
            joined[-1] += segment
        else:
            joined.append(segment)
    return joined
