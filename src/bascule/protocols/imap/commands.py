"""The one writer of commands: what a client may send, as values that only their constructors make.

`command` takes nothing but `Argument`, and an `Argument` comes only from the functions here, each of which writes one form of the grammar
(RFC 9051 §9) and raises LocalError for what it has no form for; a type checker refuses octets from outside. So exactly one command goes out, with
the values that it was given, whatever they hold. (APPEND's head, written ten thousand times a second, is `append.format_message_head`, under the same
rule.)

A command is a sequence of segments. `Wait` between two means that the server's ``+`` must arrive before the next is sent: a synchronising literal
(RFC 9051 §4.3). An argument's literal always is one, so that a server that does not understand the line never reads a value as the next command; only a
message's octets, in APPEND, may follow unasked (`LiteralRule`).
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from bascule.protocols.imap.errors import LocalError
from bascule.protocols.imap.flags import ATOM, format_flags
from bascule.protocols.imap.limits import LINE_ARGUMENT_OCTETS
from bascule.protocols.imap.names import quote
from bascule.protocols.imap.sequence import MAX_NUMBER, format_set
from bascule.terms.flags import Flags
from bascule.terms.folder import SpecialUse

_NAME = re.compile(rb"[A-Z]+(?: [A-Z]+)?")
_NEEDS_NO_QUOTES = re.compile(rb"[A-Za-z0-9._$:/@!#&'+,;<=>?^`|~-]+")
_ITEM = re.compile(rb"[A-Z][A-Z0-9.-]*(?:\[\])?")
_MAX_NUMBER = 2**63 - 1


class How(Enum):
    """What becomes of the flags that are there: STORE's forms that are answered with nothing (RFC 9051 §6.4.6)."""

    REPLACE = b"FLAGS.SILENT"
    ADD = b"+FLAGS.SILENT"
    REMOVE = b"-FLAGS.SILENT"


class Wait(Enum):
    CONTINUATION = "continuation"


WAIT = Wait.CONTINUATION
Segment = bytes | Wait


@dataclass(frozen=True, slots=True)
class LiteralRule:
    """How this connection may send messages: ``nonsync_octets`` is the largest that need not wait for ``+``.

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


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as the grammar has it. Made by the functions of this module, and nowhere else."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """``name``: for messages to people. The tag and CRLF are the sender's."""

    name: str
    segments: tuple[Segment, ...]

    @property
    def line(self) -> bytes:
        """Its octets, of a command that has nothing to wait for."""
        (octets,) = self.segments
        if isinstance(octets, Wait):
            raise LocalError("a command begins with its name")
        return octets


def command(name: bytes, *arguments: Argument) -> Command:
    """``name`` (``UID FETCH``) and its arguments with a space between."""
    if not _NAME.fullmatch(name):
        raise LocalError(f"not a command's name: {name!a}")
    pieces: list[Segment] = [name]
    for argument in arguments:
        pieces += [b" ", *argument.segments]
    return Command(name.decode(), _joined(pieces))


def _joined(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Neighbouring octets become one segment."""
    joined: list[Segment] = []
    for segment in segments:
        if joined and isinstance(segment, bytes) and isinstance(joined[-1], bytes):
            joined[-1] += segment
        else:
            joined.append(segment)
    return tuple(joined)


# -- values -----------------------------------------------------------------------------------------------------------


def atom(word: bytes) -> Argument:
    """A word of the protocol: the name of a mechanism, an extension, an item."""
    if not ATOM.fullmatch(word):
        raise LocalError(f"not an atom: {word[:60]!a}")
    return Argument((word,))


def string(value: bytes) -> Argument:
    """A quoted string. Raises LocalError for CR, LF, NUL and octets above 127, which one can't hold."""
    if not value.isascii():
        raise LocalError("an octet above 127 can't stand in a quoted string")
    return Argument((quote(value),))


def unasked_literal(value: bytes) -> Argument:
    """An atom's octets as a literal that is sent without waiting (RFC 7888): what a server that does not know these reads as a command is one that it
    does not know either."""
    if not ATOM.fullmatch(value):
        raise LocalError(f"not an atom: {value[:60]!a}")
    return Argument((b"{%d+}\r\n%b" % (len(value), value),))


def literal(value: bytes) -> Argument:
    """Octets, sent when the server asks for them. Raises LocalError for NUL (RFC 9051 §9: literal is of CHAR8; literal8 is APPEND's)."""
    if b"\0" in value:
        raise LocalError("NUL can't stand in a literal")
    return Argument((b"{%d}\r\n" % len(value), WAIT, value))


def astring(value: bytes) -> Argument:
    """A value in the shortest form that the grammar allows it: atom, quoted string, literal. RFC 9051 §9, astring

    Raises LocalError for NUL, which none of them can hold.
    """
    if len(value) <= LINE_ARGUMENT_OCTETS:
        if _NEEDS_NO_QUOTES.fullmatch(value) and value.upper() != b"NIL":
            return Argument((value,))
        if value.isascii() and not _holds_line_end(value):
            return string(value)
    return literal(value)


def mailbox(raw: bytes, *, utf8: bool = False) -> Argument:
    """A mailbox's name, as `names.encode_name` writes it or as the server listed it.

    ``utf8``: the connection has enabled UTF8=ACCEPT, so that a quoted string may hold UTF-8 (RFC 6855 §3). Raises LocalError for NUL.
    """
    if utf8 and len(raw) <= LINE_ARGUMENT_OCTETS and _is_utf8(raw) and not _holds_line_end(raw):
        return Argument((quote(raw),))
    return astring(raw)


def _holds_line_end(value: bytes) -> bool:
    return any(octet in value for octet in b"\r\n\0")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def encoded(value: bytes) -> Argument:
    """In Base64, as AUTHENTICATE takes an initial response; ``=`` is an empty one. RFC 9051 §6.2.2"""
    return Argument((base64.b64encode(value) or b"=",))


def number(value: int) -> Argument:
    """RFC 9051 §9, number64; a MODSEQ (RFC 7162 §7) is one."""
    if not 0 <= value <= _MAX_NUMBER:
        raise LocalError(f"a number has at most 63 bits: {value}")
    return Argument((b"%d" % value,))


def group(*members: Argument) -> Argument:
    """In parentheses, with a space between."""
    pieces: list[Segment] = [b"("]
    for place, member in enumerate(members):
        pieces += [b" ", *member.segments] if place else member.segments
    return Argument(_joined([*pieces, b")"]))


# -- sets of messages, items, flags -------------------------------------------------------------------------------------


def sequence_set(numbers: Iterable[int]) -> Argument:
    """Exactly these UIDs. Raises LocalError when there are none, and for a number that no message can have (RFC 9051 §9, nz-number)."""
    chosen = set(numbers)
    if not chosen or min(chosen) < 1 or max(chosen) > MAX_NUMBER:
        raise LocalError("a set of UIDs has numbers from 1 to 4294967295, and one at least")
    return Argument((format_set(chosen),))


def from_uid(first: int) -> Argument:
    """``n:*``: this UID and those above; the last message in any case (RFC 9051 §9, seq-range). Past the largest UID is that one."""
    if first < 1:
        raise LocalError(f"not a UID: {first}")
    return Argument((b"%d:*" % min(first, MAX_NUMBER),))


ALL_MESSAGES = from_uid(1)
ALL = atom(b"ALL")
EMPTY = string(b"")
EVERY_NAME = string(b"*")
"""LIST's pattern for all of them."""


@lru_cache(maxsize=64)
def items(*names: bytes) -> Argument:
    """What FETCH or STATUS is asked for, in parentheses: ``UID``, ``BODY.PEEK[]``."""
    for name in names:
        if not _ITEM.fullmatch(name):
            raise LocalError(f"not an item: {name!a}")
    return Argument((b"(" + b" ".join(names) + b")",))


def flag_list(flags: Flags) -> Argument:
    """In parentheses. Raises LocalError for those that `flags.writable_flags` leaves out."""
    return Argument((b"(" + format_flags(flags) + b")",))


def special_use(use: SpecialUse) -> Argument:
    """As CREATE takes it (RFC 6154 §3)."""
    return Argument((use.value.encode("ascii"),))


def changed_since(modseq: int) -> Argument:
    """FETCH's modifier: only what changed after it (RFC 7162 §3.1.4.1)."""
    return group(atom(b"CHANGEDSINCE"), number(modseq))


def uid_key(uids: Argument) -> Argument:
    """SEARCH's key for a set of UIDs."""
    return Argument((b"UID ", *uids.segments))
