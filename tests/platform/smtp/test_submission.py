"""Mail from our members' programs. RFC 6409, RFC 4954"""

import base64
import contextlib
import ssl
import time
from collections.abc import Callable

import dkim
import pytest

from bascule.platform.smtp.dkim import Signer
from support.calendars import calendar_at
from support.inbox import Inbox
from support.server import PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message


@pytest.fixture
def signed_in(submission: SmtpDialogue, login: str) -> SmtpDialogue:
    assert submission.login(login).code == 235
    return submission


def test_one_signs_in_first(submission: SmtpDialogue, login: str) -> None:
    assert "AUTH PLAIN LOGIN" in submission.extensions
    assert submission.say(f"MAIL FROM:<{login}>").code == 530
    assert submission.login(login, "wrong").code == 535
    assert submission.say("AUTH LOGIN").code == 334
    assert submission.say(base64.b64encode(login.encode()).decode()).code == 334
    assert submission.say(base64.b64encode(PASSWORD.encode()).decode()).code == 235
    assert submission.say("AUTH PLAIN AAAA").code == 503
    submission.ok(f"MAIL FROM:<{login}>")


@pytest.mark.parametrize("response", ["*", "!!!", "AAAA", "/////w==", "YQBiAGM="])
def test_a_response_that_is_none(submission: SmtpDialogue, response: str) -> None:
    assert submission.say("AUTH PLAIN").code == 334
    assert submission.say(response).code in (501, 535)
    submission.ok("NOOP")


def test_not_yet_is_not_a_wrong_password(submission: SmtpDialogue, add: Callable[..., str]) -> None:
    login = add("early@example.org", calendar=calendar_at(time.time() + 86400))
    for _ in range(15):
        reply = submission.login(login)
        assert (reply.code, reply.status) == (454, "4.7.0")
        assert "opens on" in reply.text


def test_tls_from_the_first_octet(server: PrivateBascule, login: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with SmtpDialogue(server.ports["submissions"], tls=context) as dialogue:
        assert dialogue.login(login).code == 235
        assert dialogue.deliver(message(sender=login), login, login).code == 250


def test_nobody_sends_as_another(signed_in: SmtpDialogue, login: str, add: Callable[..., str]) -> None:
    assert signed_in.say("MAIL FROM:<another@example.org>").status == "5.7.1"
    assert signed_in.deliver(message(sender="Dean <dean@example.org>"), login, login).status == "5.7.1"
    assert signed_in.deliver(message(sender=login.replace("@", "+lists@")), login, login).code == 250
    assert signed_in.say(f"MAIL FROM:<{login}>").code == 250
    assert signed_in.say("RCPT TO:<nobody@example.org>").status == "5.1.1"


def test_who_may_sends_as_an_office(
    signed_in: SmtpDialogue, server: PrivateBascule, login: str, add: Callable[..., str]
) -> None:
    office = add("office@example.org")
    sent = message(sender=f"Office <{office}>")
    assert signed_in.say(f"MAIL FROM:<{office}>").status == "5.7.1"
    accounts = server.accounts()
    owner, member = accounts.find(office), accounts.find(login)
    assert owner is not None
    assert member is not None
    accounts.let_send(owner, member, True)
    assert signed_in.deliver(sent, office, login).code == 250
    assert signed_in.deliver(sent, login, login).code == 250
    accounts.let_send(owner, member, False)
    assert signed_in.say(f"MAIL FROM:<{office}>").status == "5.7.1"
    accounts.close()


def test_bcc_goes_date_and_message_id_come_and_all_is_signed(
    signed_in: SmtpDialogue, server: PrivateBascule, inbox: Inbox
) -> None:
    sent = f"From: {inbox.login}\r\nBcc: secret@example.org\r\nSubject: x\r\n\r\nhello\r\n".encode()
    assert signed_in.deliver(sent, inbox.login, inbox.login).code == 250
    [found] = inbox.wait(1)
    assert b"secret" not in found
    assert b"\r\nDate: " in found
    assert b"\r\nMessage-ID: <" in found
    assert b"client.example" not in found
    assert b"127.0.0.1" not in found
    signer = Signer(server.root / "data/dkim.pem", "bascule")
    asked: list[bytes] = []

    def record(name: bytes, **_: object) -> bytes:
        asked.append(name)
        return signer.record().encode()

    assert dkim.verify(found, dnsfunc=record)
    assert asked == [b"bascule._domainkey.example.org."]


def test_a_locked_account_sends_no_more(signed_in: SmtpDialogue, server: PrivateBascule, login: str) -> None:
    assert signed_in.deliver(message(sender=login), login, login).code == 250
    with contextlib.closing(server.accounts()) as accounts:
        accounts.set_locked(login, True)
    deadline = time.monotonic() + 30
    while (
        code := signed_in.say(f"MAIL FROM:<{login}>").code
    ) != 421:  # a server asks for the account every two seconds
        assert code == 250
        assert time.monotonic() < deadline
        assert signed_in.say("RSET").code == 250
        time.sleep(0.05)


def test_a_message_without_an_author_is_refused(signed_in: SmtpDialogue, login: str) -> None:
    assert signed_in.deliver(b"Subject: x\r\n\r\nx\r\n", login, login).status == "5.6.0"
