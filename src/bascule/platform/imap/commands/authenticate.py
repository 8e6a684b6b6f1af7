"""LOGIN and AUTHENTICATE PLAIN: RFC 9051 §6.2.2, §6.2.3; RFC 4616; an initial response, RFC 4959"""

import base64
from typing import TYPE_CHECKING

from bascule.platform.accounts import SignInRefused, Why
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Bad, Done, No
from bascule.protocols.imap.requests import Arguments, Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


CODES = {
    Why.WRONG: "AUTHENTICATIONFAILED",
    Why.NOT_YET: "UNAVAILABLE",
    Why.LOCKED: "CONTACTADMIN",
    Why.TOO_MANY: "LIMIT",
}


def login(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    user, password = arguments.string("a user name"), arguments.string("a password")
    arguments.end()
    yield from ()
    return _sign_in(session, user, password)


def run(session: "Session", request: Request) -> Answer:
    """The shell asks for the response, where none came with the command, and hands the command on with it."""
    arguments = Arguments(request)
    mechanism = arguments.word("a mechanism")
    response = arguments.string("a response")
    arguments.end()
    yield from ()
    if mechanism != "PLAIN":
        raise No(f"there is no mechanism {mechanism:.40}")
    try:
        told = base64.b64decode(b"" if response == b"=" else response, validate=True)
    except ValueError as error:
        raise Bad("the response is not Base64") from error
    parts = told.split(b"\0")
    if len(parts) != 3:
        raise Bad("PLAIN has an identity, a user name and a password")
    if parts[0] not in (b"", parts[1]):
        raise No("nobody signs in here for another person", "AUTHORIZATIONFAILED")
    return _sign_in(session, parts[1], parts[2])


def _sign_in(session: "Session", user: bytes, password: bytes) -> Done:
    if not (session.connection.encrypted or session.connection.is_loopback):
        raise No("start TLS first; do not send that password again without it", "PRIVACYREQUIRED")
    try:
        session.sign_in(user.decode(), password.decode())
    except UnicodeDecodeError as error:
        raise No("user name or password is wrong", CODES[Why.WRONG]) from error
    except SignInRefused as refused:
        raise No(refused.text, CODES[refused.why]) from refused
    return Done("signed in", b"CAPABILITY " + " ".join(session.capability_names()).encode())
