"""What servers say when they do not want us now, and what they say when they do not want us at all."""

import pytest

from bascule.protocols.imap.refusals import Meaning, meaning_of

SIGN_IN = [
    (None, "Too many simultaneous connections. (Failure)", Meaning.TOO_MANY),  # Gmail, with [ALERT]
    ("ALERT", "Too many simultaneous connections. (Failure)", Meaning.TOO_MANY),
    ("UNAVAILABLE", "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=16)", Meaning.TOO_MANY),
    ("LIMIT", "LOGIN Rate limit hit", Meaning.TOO_MANY),  # Yahoo
    (None, "Too many connections from this IP", Meaning.TOO_MANY),
    (None, "Too many open connections", Meaning.TOO_MANY),
    (None, "Connection limit reached", Meaning.TOO_MANY),
    (None, "User is authenticated but not connected.", Meaning.TOO_MANY),  # Exchange
    ("UNAVAILABLE", "opens on Tuesday", Meaning.NOT_NOW),
    ("UNAVAILABLE", "Temporary authentication failure. [host:2026-11-28]", Meaning.NOT_NOW),  # Dovecot
    (None, "Temporary problem, please try again later", Meaning.NOT_NOW),  # Courier
    (None, "Server Unavailable. 15", Meaning.NOT_NOW),  # Exchange
    ("OVERQUOTA", "Account exceeded command or bandwidth limits. (Failure)", Meaning.NOT_NOW),  # Gmail
    (None, "Request is throttled. Suggested Backoff Time: 9000 milliseconds", Meaning.NOT_NOW),  # Exchange
    ("INUSE", "Mailbox is locked", Meaning.NOT_NOW),
    ("SERVERBUG", "Internal error occurred", Meaning.NOT_NOW),
    ("AUTHENTICATIONFAILED", "Authentication failed.", Meaning.OTHER),
    ("AUTHENTICATIONFAILED", "Too many invalid attempts, try again later", Meaning.OTHER),
    (None, "Login failed.", Meaning.OTHER),  # Courier, Cyrus
    (None, "LOGIN failed. Bad password, try again", Meaning.OTHER),
    (None, "Too many login failures", Meaning.OTHER),
    (None, "Mailbox does not exist", Meaning.OTHER),
    (None, "AUTHENTICATE failed.", Meaning.OTHER),
    ("EXPIRED", "Your password is no longer valid, temporarily", Meaning.OTHER),
]  # fmt: skip
OPENING = [
    ("NONEXISTENT", "Mailbox doesn't exist: a", Meaning.GONE),  # Dovecot
    (None, "Mailbox does not exist", Meaning.GONE),  # Cyrus
    (None, "Mailbox does not exist, or must be subscribed to.", Meaning.GONE),  # Courier
    (None, "INBOX/a doesn't exist.", Meaning.GONE),  # Exchange
    ("NONEXISTENT", "Unknown Mailbox: a (Failure)", Meaning.GONE),  # Gmail
    (None, "EXAMINE failed: Can't open mailbox a: no such mailbox", Meaning.GONE),  # UW-IMAP
    (None, "Folder could not be found.", Meaning.GONE),  # hMailServer
    (None, "Unable to open this mailbox.", Meaning.OTHER),  # Courier: rights, or anything
    ("NOPERM", "Permission denied", Meaning.OTHER),
    ("INUSE", "Mailbox does not exist", Meaning.NOT_NOW),
    ("LIMIT", "Too many keywords", Meaning.OTHER),
    (None, "too many requests, slow down", Meaning.NOT_NOW),
]


@pytest.mark.parametrize(("code", "text", "meaning"), SIGN_IN)
def test_a_limit_or_a_wait_at_sign_in_is_not_a_wrong_password(code: str | None, text: str, meaning: Meaning) -> None:
    assert meaning_of(code, text, at_sign_in=True) is meaning


@pytest.mark.parametrize(("code", "text", "meaning"), OPENING)
def test_a_folder_that_is_not_there_is_told_from_one_that_does_not_open(
    code: str | None, text: str, meaning: Meaning
) -> None:
    assert meaning_of(code, text) is meaning
