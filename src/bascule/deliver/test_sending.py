"""What a refused APPEND means, by its code and by the server's words."""

import pytest

from bascule.deliver.parcel import Parcel
from bascule.deliver.sending import is_unexplained, may_pass, refusal
from bascule.protocols.imap.responses import Code, Condition
from bascule.terms.body import HeldBody
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import OutcomeCode

PARCEL = Parcel(1, frozenset(), InternalDate(1_700_000_000, 60), HeldBody(b"Subject: a\r\n\r\nb\r\n"))


def answer(code: str, text: str) -> Condition:
    return Condition("a1", "NO", Code(code) if code else None, text)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("LIMIT", "Mail size is larger than the maximum size allowed by server configuration"),  # Dovecot's quota_max_mail_size
        ("TOOBIG", ""),
        ("ALERT", "Message too large"),
        ("", "Message too large (Failure)"),
        ("", "Message size exceeds fixed limit"),
        ("", "The message exceeds the maximum supported size"),
        ("", "APPEND failed: maximum message size is 10485760"),
        ("", "message is too big"),
    ],
)  # fmt: skip
def test_a_refusal_that_speaks_of_the_messages_size_is_of_its_size_at_once(code: str, text: str) -> None:
    said = answer(code, text)
    assert (refusal(PARCEL, said).code, may_pass(said), is_unexplained(said)) == (
        OutcomeCode.REFUSED_SIZE, False, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "text", "meant"),
    [
        ("LIMIT", "too many messages in this folder", OutcomeCode.REFUSED_BUSY),
        ("LIMIT", "too many commands a minute", OutcomeCode.REFUSED_BUSY),
        ("LIMIT", "", OutcomeCode.REFUSED_BUSY),
        ("LIMIT", "Message refused: mailbox size limit exceeded", OutcomeCode.REFUSED_BUSY),
        ("", "The message exceeds the space that is left", OutcomeCode.REFUSED_CONTENT),
        ("", "Message contains header lines that are too long", OutcomeCode.REFUSED_CONTENT),
        ("UNAVAILABLE", "message is too big", OutcomeCode.REFUSED_BUSY),
    ],
)
def test_a_refusal_that_speaks_of_something_else_is_not(code: str, text: str, meant: OutcomeCode) -> None:
    assert refusal(PARCEL, answer(code, text)).code is meant
