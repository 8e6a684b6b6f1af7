"""A frame into values: atoms and strings as bytes, NIL as None, parenthesised lists as lists, large literals as sinks."""

import re
from typing import Any

from bascule.protocols.imap.errors import RemoteError, TooMuch
from bascule.protocols.imap.limits import DEFAULT_LIMITS, Limits
from bascule.protocols.imap.receiver import Frame
from bascule.terms.printable import printable

Value = Any
"""bytes | None | Sink | list[Value]"""

_TOKEN = re.compile(
    rb"""
    [ ]*(?:
      (?P<open>\()
    | (?P<close>\))
    | "(?P<quoted>(?:[^"\\]++|\\.)*+)"
    | (?P<atom>(?:[^\s()"\[]++|\[[^\[\]]*+\]|\[)++)
    )""",
    re.VERBOSE | re.DOTALL,
)
"""Possessive, as each octet that could be given back would cost 200 in memory."""
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)


def unquote(octets: bytes) -> bytes:
    r"""The value of a quoted string's inside: ``\"`` is ``"`` and ``\\`` is ``\``. RFC 9051 §4.3"""
    return _ESCAPE.sub(rb"\1", octets) if b"\\" in octets else octets


def parse_values(frame: Frame, start: int = 0, limits: Limits = DEFAULT_LIMITS) -> list[Value]:
    """The values of ``frame``, from octet ``start`` of its first text.

    A bracketed section belongs to its atom: ``BODY[HEADER.FIELDS (FROM)]<0>`` is one. Raises RemoteError where quotes or
    parentheses do not match, or are nested deeper than ``limits.depth``; TooMuch past ``limits.values``.
    """
    top: list[Value] = []
    stack: list[list[Value]] = [top]
    left = limits.values
    for place, part in enumerate(frame):
        if place % 2:
            stack[-1].append(part)
        elif isinstance(part, bytes):
            left = _parse_text(part, start if place == 0 else 0, stack, limits, left)
    if len(stack) != 1:
        raise RemoteError("a parenthesis is not closed")
    return top


def _parse_text(text: bytes, position: int, stack: list[list[Value]], limits: Limits, most: int) -> int:
    """How many values of ``most`` are left; a parenthesis counts as one."""
    for used in range(most):
        found = _TOKEN.match(text, position)
        if found is None:
            if not text[position:].strip(b" "):
                return most - used
            raise RemoteError(f"not IMAP at “{printable(as_text(text[position : position + 40]))}”")
        position = found.end()
        kind = found.lastgroup
        if kind == "atom":
            atom = found["atom"]
            stack[-1].append(None if atom in (b"NIL", b"nil", b"Nil") else atom)
        elif kind == "quoted":
            stack[-1].append(unquote(found["quoted"]))
        elif kind == "open":
            if len(stack) > limits.depth:
                raise RemoteError(f"parentheses are nested more than {limits.depth} deep")
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif len(stack) == 1:
            raise RemoteError("a parenthesis is closed that was not opened")
        else:
            stack.pop()
    if text[position:].strip(b" "):
        raise TooMuch(f"a response has more than {limits.values:,} values")
    return 0


def as_number(value: Value) -> int:
    """A number of up to 63 bits (RFC 9051 §9, number64). Raises RemoteError for anything else."""
    if isinstance(value, bytes) and value.isdigit() and len(value) <= 19 and int(value) < 2**63:
        return int(value)
    raise RemoteError(f"a number was expected, not {value!r:.60}")


def as_text(value: Value) -> str:
    """A string for people: UTF-8 where it is, Latin-1 otherwise; NIL is empty."""
    if value is None:
        return ""
    if not isinstance(value, bytes):
        raise RemoteError(f"a string was expected, not {value!r:.60}")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def as_list(value: Value) -> list[Value]:
    """A parenthesised list; NIL is empty. Raises RemoteError for anything else."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise RemoteError(f"a list was expected, not {value!r:.60}")
