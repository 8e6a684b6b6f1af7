"""Commands of any state, and those that sign in: RFC 3501 §6.1, §6.2; RFC 5161; RFC 4978."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

from support.quirks.syntax import Bad, No, Value, word

if TYPE_CHECKING:
    from support.quirks.server import Session

Handler = Callable[["Session", list[Value]], bytes]
"""Carries out a command, leaves its untagged responses in ``session.lines``, and gives the text of its OK."""


def capability(session: Session, arguments: list[Value]) -> bytes:
    session.lines.append(b"* CAPABILITY " + session.offered())
    return b"done"


def noop(session: Session, arguments: list[Value]) -> bytes:
    return b"done"


def logout(session: Session, arguments: list[Value]) -> bytes:
    session.lines.append(b"* BYE until next time")
    session.selected = None
    return b"done"


def login(session: Session, arguments: list[Value]) -> bytes:
    if len(arguments) != 2:
        raise Bad("LOGIN has two arguments")
    return _sign_in(session, word(arguments[0]), word(arguments[1]))


def authenticate(session: Session, arguments: list[Value]) -> bytes:
    """SASL PLAIN (RFC 4616), with or without an initial response (RFC 4959)."""
    if not arguments or word(arguments[0]).upper() != b"PLAIN" or not session.has("AUTH=PLAIN"):
        raise No("only PLAIN")
    initial = word(arguments[1]) if len(arguments) > 1 else session.ask(b"+ \r\n")
    try:
        _, user, password = base64.b64decode(initial).split(b"\0")
    except (ValueError, binascii.Error):
        raise Bad("not PLAIN's three parts") from None
    return _sign_in(session, user, password)


def _sign_in(session: Session, user: bytes, password: bytes) -> bytes:
    if session.signed_in:
        raise Bad("signed in already")
    if (user.decode(), password.decode()) != (session.server.user, session.server.password):
        raise No("[AUTHENTICATIONFAILED] wrong name or password")
    session.signed_in = True
    return b"[CAPABILITY %b] welcome" % session.offered()


def enable(session: Session, arguments: list[Value]) -> bytes:
    wanted = {word(name).decode().upper() for name in arguments} & {"CONDSTORE", "QRESYNC"}
    new = {name for name in wanted if session.has(name)}
    session.enabled |= new | ({"CONDSTORE"} if "QRESYNC" in new else set())
    session.lines.append(b"* ENABLED " + " ".join(sorted(new)).encode())
    return b"done"


def identify(session: Session, arguments: list[Value]) -> bytes:
    session.lines.append(b'* ID ("name" "quirks")')
    return b"done"


def compress(session: Session, arguments: list[Value]) -> bytes:
    if not session.has("COMPRESS=DEFLATE"):
        raise Bad("not offered")
    return b"from here on"


HANDLERS: dict[str, Handler] = {
    "CAPABILITY": capability,
    "NOOP": noop,
    "LOGOUT": logout,
    "LOGIN": login,
    "AUTHENTICATE": authenticate,
    "ENABLE": enable,
    "ID": identify,
    "COMPRESS": compress,
}
