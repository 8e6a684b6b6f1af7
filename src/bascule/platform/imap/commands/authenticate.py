"""LOGIN and AUTHENTICATE PLAIN: RFC 9051 §6.2.2, §6.2.3; RFC 4616; an initial response, RFC 4959"""

from typing import TYPE_CHECKING

from bascule.platform.accounts import SignInRefused, Why, words
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Bad, Done, No
from bascule.platform.imap.states import State
from bascule.protocols.imap.requests import Arguments, BadRequest, Request
from bascule.protocols.sasl import BadResponse, read_plain

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


CODES = {
    Why.WRONG: "AUTHENTICATIONFAILED",
    Why.NOT_YET: "UNAVAILABLE",
    Why.MOVED: "UNAVAILABLE",
    Why.LOCKED: "CONTACTADMIN",
    Why.TOO_MANY: "LIMIT",
}


def login(session: "Session", request: Request) -> Answer:
    arguments = Arguments(request)
    user, password = arguments.string("a user name"), arguments.string("a password")
    arguments.end()
    yield from ()
    try:
        return _sign_in(session, user.decode(), password.decode())
    except UnicodeDecodeError as error:
        raise No(words.WRONG, CODES[Why.WRONG]) from error


def takes_response(session: "Session", request: Request) -> bool:
    """Whether the client is to be asked for the response that did not come with the command: not where `run` refuses whatever it says."""
    if session.state is not State.NOT_SIGNED_IN or not _is_private(session):
        return False
    try:
        arguments = Arguments(request)
        return arguments.word("a mechanism") == "PLAIN" and arguments.is_empty
    except BadRequest:
        return False


def run(session: "Session", request: Request) -> Answer:
    """The shell asks for the response, where `takes_response`, and hands the command on with it."""
    arguments = Arguments(request)
    mechanism = arguments.word("a mechanism")
    yield from ()
    if mechanism != "PLAIN":
        raise No(f"there is no mechanism {mechanism:.40}")
    _require_private(session)
    response = arguments.string("a response")
    arguments.end()
    try:
        act_as, user, password = read_plain(response)
    except BadResponse as error:
        raise Bad(str(error)) from error
    if act_as not in ("", user):
        raise No("nobody signs in here for another person", "AUTHORIZATIONFAILED")
    return _sign_in(session, user, password)


def _is_private(session: "Session") -> bool:
    return session.connection.encrypted or session.connection.is_loopback


def _require_private(session: "Session") -> None:
    if not _is_private(session):
        raise No("start TLS first; do not send that password again without it", "PRIVACYREQUIRED")


def _sign_in(session: "Session", user: str, password: str) -> Done:
    _require_private(session)
    try:
        session.sign_in(user, password)
    except SignInRefused as refused:
        raise No(refused.text, CODES[refused.why]) from refused
    return Done("signed in", b"CAPABILITY " + " ".join(session.capability_names()).encode())
