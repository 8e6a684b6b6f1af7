"""What a server means by a NO, BAD or BYE: by its response code (RFC 5530), and by its words where it gives none or a vague one.

Most servers predate the codes, and the newest of them still refuse a further connection with the answer that a wrong password gets. The
words below are those of servers in use; a text that matches none is only a refusal. A wrong guess costs a wait, so a text that speaks of
the password never counts as a wait.
"""

import re
from enum import Enum

from bascule.protocols.imap.responses import Condition


class Meaning(Enum):
    TOO_MANY = "too many connections"
    """The server takes no further connection, or session, of this user or address: with fewer it may go on."""
    NOT_NOW = "not now"
    """The same may succeed later: the server is busy, slows us down, or is being looked after."""
    GONE = "there is no such folder"
    OTHER = "no"


WAIT = frozenset({Meaning.TOO_MANY, Meaning.NOT_NOW})
"""To a signed-in connection both are a request to come later."""
_TOO_MANY_CODES = frozenset({"LIMIT"})
"""At sign-in (Yahoo); elsewhere it is a limit of what was asked for, as the number of keywords (RFC 5530 §3)."""
_NOT_NOW_CODES = frozenset({"UNAVAILABLE", "INUSE", "SERVERBUG", "THROTTLED", "TEMPFAIL"})
_GONE_CODES = frozenset({"NONEXISTENT", "TRYCREATE"})
_PLAIN_CODES = frozenset(
    {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN", "NOPERM", "CANNOT", "CLIENTBUG"}
)  # fmt: skip
"""Whatever the words are, these do not pass with time."""

_TOO_MANY: tuple[tuple[str, str], ...] = (
    (r"(maximum|max\.?) (number of )?(\w+ )?(connections|sessions|logins)", "Dovecot: Maximum number of connections from user+IP exceeded"),
    (r"too many (\w+ ){0,2}(connections|sessions|clients|users|imap processes)", "Gmail: Too many simultaneous connections; Yahoo; Cyrus"),
    (r"(connection|session)s? (limit|count)", "Zimbra, Kerio, MDaemon: Connection limit reached"),
    (r"(connections|sessions) (\w+ ){0,3}exceeded", "hosting panels: number of connections from your address exceeded"),
    (r"authenticated but not connected", "Exchange, where a further session of the user is refused after a good password"),
)  # fmt: skip
_NOT_NOW: tuple[tuple[str, str], ...] = (
    (r"temporar(y|ily)", "Dovecot: Temporary authentication failure; Courier: Temporary problem, please try again later"),
    (r"throttl|rate.?limit|slow down|back.?off", "Exchange: Request is throttled. Suggested Backoff Time: 9000 milliseconds"),
    (r"bandwidth limits|too many (requests|commands)", "Gmail: Account exceeded command or bandwidth limits"),
    (r"later\b|try again", "most of them"),
    (r"\b(un|not )available\b|overload|too busy|\bbusy\b", "Exchange: Server Unavailable; GroupWise, Domino: server busy"),
    (r"maintenance|shutting down|restart", "Zimbra: account is in maintenance mode; Dovecot: Server shutting down"),
    (r"internal (server )?error|system error|\block(ed)? (by|failed)|timed? ?out", "Dovecot: Internal error occurred; Cyrus: System I/O error"),
)  # fmt: skip
_PASSWORD = re.compile(
    r"password|credential|incorrect|invalid (login|user|account)|(failed|invalid|bad|incorrect) (\w+ )?attempts|login failures",
    re.I,
)
_GONE: tuple[tuple[str, str], ...] = (
    (r"does(n't| not) exist", "Dovecot: Mailbox doesn't exist: x; Cyrus and Courier: Mailbox does not exist; Exchange: x doesn't exist"),
    (r"unknown (mailbox|folder)", "Gmail: Unknown Mailbox: x (Failure)"),
    (r"no such (mailbox|folder)", "UW-IMAP and GreenMail: Can't open mailbox x: no such mailbox"),
    (r"(mailbox|folder) (was |could |can )?(be )?not (be )?(found|exist)", "hMailServer: Folder could not be found"),
)  # fmt: skip


def _any(rows: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{words})" for words, _ in rows), re.IGNORECASE)


_TOO_MANY_WORDS, _NOT_NOW_WORDS, _GONE_WORDS = _any(_TOO_MANY), _any(_NOT_NOW), _any(_GONE)


def meaning_of(code: str | None, text: str, *, at_sign_in: bool = False) -> Meaning:
    """``code``: the response code's name in capitals, None where there was none."""
    if code in _PLAIN_CODES:
        return Meaning.OTHER
    speaks_of_password = _PASSWORD.search(text) is not None
    if (at_sign_in and code in _TOO_MANY_CODES) or (_TOO_MANY_WORDS.search(text) and not speaks_of_password):
        return Meaning.TOO_MANY
    if code in _NOT_NOW_CODES:
        return Meaning.NOT_NOW
    if code in _GONE_CODES or (not at_sign_in and _GONE_WORDS.search(text)):
        return Meaning.GONE
    return Meaning.NOT_NOW if _NOT_NOW_WORDS.search(text) and not speaks_of_password else Meaning.OTHER


def meaning_of_condition(condition: Condition, *, at_sign_in: bool = False) -> Meaning:
    return meaning_of(condition.code.name if condition.code else None, condition.text, at_sign_in=at_sign_in)
