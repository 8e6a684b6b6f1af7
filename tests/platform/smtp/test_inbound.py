"""Mail from other servers: what is taken, for whom, and what it looks like in the mailbox. RFC 5321"""

import ssl
from collections.abc import Callable

import pytest

from support.inbox import Inbox
from support.server import PrivateBascule
from support.smtp import SmtpDialogue, message


def test_a_message_lies_in_the_mailbox_when_250_comes(smtp: SmtpDialogue, inbox: Inbox) -> None:
    assert smtp.deliver(message(body=".dots\r\n..\r\n"), "else@where.example", inbox.login).code == 250
    [found] = inbox.messages()
    assert found.startswith(
        f"Return-Path: <else@where.example>\r\nDelivered-To: {inbox.login}\r\nReceived: from client.example ([127.0.0.1])\r\n".encode()
    )
    assert b"by mail.example.org (Bascule) with ESMTP id " in found
    assert found.endswith(message(body=".dots\r\n..\r\n"))


def test_an_alias_a_detail_and_capitals_reach_the_account(
    smtp: SmtpDialogue, inbox: Inbox, add: Callable[..., str]
) -> None:
    login = add("aliased@example.org", aliases=("dean@example.org",))
    other = Inbox(inbox.server, login)
    for address in ("DEAN@Example.ORG", "dean+news@example.org", "aliased+x@example.org"):
        assert smtp.deliver(message(), "", address).code == 250
    assert len(other.messages()) == 3


def test_who_is_not_here_is_refused_and_nothing_is_relayed(smtp: SmtpDialogue, login: str) -> None:
    smtp.ok("MAIL FROM:<a@b.example>")
    assert (smtp.say("RCPT TO:<nobody@example.org>").code, smtp.say("RCPT TO:<someone@elsewhere.example>").status) == (
        550,
        "5.7.1",
    )
    assert smtp.say("DATA").code == 503


def test_a_locked_account_takes_mail(smtp: SmtpDialogue, inbox: Inbox) -> None:
    accounts = inbox.server.accounts()
    accounts.set_locked(inbox.login, True)
    assert smtp.deliver(message(), "a@b.example", inbox.login).code == 250
    accounts.set_locked(inbox.login, False)
    accounts.close()
    assert len(inbox.messages()) == 1


def test_commands_in_the_wrong_order(smtp: SmtpDialogue, server: PrivateBascule, login: str) -> None:
    assert smtp.say(f"RCPT TO:<{login}>").code == 503
    assert smtp.say("DATA").code == 503
    smtp.ok("MAIL FROM:<a@b.example>")
    assert smtp.say("MAIL FROM:<a@b.example>").code == 503
    smtp.ok("RSET")
    smtp.ok("MAIL FROM:<a@b.example>")
    with SmtpDialogue(server.ports["smtp"], hello="") as fresh:
        assert fresh.say("MAIL FROM:<a@b.example>").code == 503
        assert fresh.say("LHLO x").code == 500
        assert fresh.ok("HELO x").code == 250
        assert fresh.say("AUTH PLAIN AAAA").code == 502


def test_sizes(server: PrivateBascule, smtp: SmtpDialogue, login: str) -> None:
    assert "SIZE 52428800" in smtp.extensions
    assert smtp.say("MAIL FROM:<a@b.example> SIZE=52428801").status == "5.3.4"
    smtp.ok("MAIL FROM:<a@b.example>")
    smtp.ok(f"RCPT TO:<{login}>")
    smtp.ok("DATA")
    piece = b"x" * 998 + b"\r\n"
    for _ in range(53):
        smtp.send(piece * 1000)
    smtp.send(b".\r\n")
    assert smtp.reply().status == "5.3.4"


def test_a_large_message_arrives_whole(smtp: SmtpDialogue, inbox: Inbox) -> None:
    large = message(body="".join(f"{n:>9} {'y' * 900}\r\n" for n in range(12_000)))
    assert smtp.deliver(large, "a@b.example", inbox.login).code == 250
    [found] = inbox.messages()
    assert found.endswith(large)


def test_a_full_mailbox_is_a_refusal_for_now(
    smtp: SmtpDialogue, server: PrivateBascule, add: Callable[..., str], inbox: Inbox
) -> None:
    login = add("full@example.org", quota_octets=2000)
    assert smtp.deliver(message(body="z" * 1000 + "\r\n"), "a@b.example", login).code == 250
    reply = smtp.deliver(message(body="z" * 1000 + "\r\n"), "a@b.example", login)
    assert (reply.code, reply.status) == (452, "4.2.2")
    smtp.ok("MAIL FROM:<a@b.example> SIZE=5000")
    assert smtp.say(f"RCPT TO:<{login}>").status == "4.2.2"
    smtp.ok("RSET")
    # Others of the same message get it, and the queue keeps trying for the full one.
    assert smtp.deliver(message(body="z" * 1000 + "\r\n"), "a@b.example", login, inbox.login).code == 250
    assert len(inbox.messages()) == 1
    accounts = server.accounts()
    accounts.set_quota(login, None)
    accounts.close()


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n"])
def test_no_second_message_is_smuggled_in(smtp: SmtpDialogue, inbox: Inbox, end: bytes) -> None:
    smuggled = (
        f"MAIL FROM:<evil@example.org>\r\nRCPT TO:<{inbox.login}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n".encode()
    )
    smtp.ok("MAIL FROM:<a@b.example>")
    smtp.ok(f"RCPT TO:<{inbox.login}>")
    smtp.ok("DATA")
    smtp.send(b"Subject: first\r\n\r\nbody" + end + smuggled + b".\r\n")
    assert smtp.reply().code == 250
    smtp.ok("NOOP")
    [found] = inbox.messages()
    assert b"evil@example.org" in found


def test_a_message_that_goes_round_is_stopped(smtp: SmtpDialogue, login: str) -> None:
    assert smtp.deliver(b"Received: x\r\n" * 51 + message(), "a@b.example", login).status == "5.4.6"
    assert smtp.deliver(f"Delivered-To: {login}\r\n".encode() + message(), "a@b.example", login).status == "5.4.6"
    assert smtp.deliver(b"Received: x\r\n" * 50 + message(), "a@b.example", login).code == 250


def test_commands_sent_ahead_are_answered_in_order(smtp: SmtpDialogue, inbox: Inbox) -> None:
    one = f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{inbox.login}>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\n".encode()
    smtp.send((one + message() + b".\r\n") * 3 + b"QUIT\r\n")
    codes = [smtp.reply().code for _ in range(16)]
    assert codes == [250, 250, 550, 354, 250] * 3 + [221]
    assert len(inbox.messages()) == 3


def test_addresses_beyond_ascii(smtp: SmtpDialogue, server: PrivateBascule, add: Callable[..., str]) -> None:
    login = add("zoe@example.org", aliases=("zoé@example.org",))
    smtp.ok("MAIL FROM:<a@b.example>")
    assert smtp.say("RCPT TO:<zoé@example.org>").status == "5.6.7"
    smtp.ok("RSET")
    smtp.ok("MAIL FROM:<müller@b.example> SMTPUTF8 BODY=8BITMIME")
    smtp.ok("RCPT TO:<zoé@example.org>")
    smtp.ok("DATA")
    smtp.send(message() + b".\r\n")
    assert smtp.reply().code == 250
    [found] = Inbox(server, login).messages()
    assert "Return-Path: <müller@b.example>".encode() in found
    assert b"with UTF8SMTP id" in found


def test_tls_forgets_what_was_said_before_it(server: PrivateBascule, login: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with SmtpDialogue(server.ports["smtp"]) as dialogue:
        assert "STARTTLS" in dialogue.extensions
        dialogue.ok("MAIL FROM:<a@b.example>")
        dialogue.start_tls(context)
        assert dialogue.say(f"RCPT TO:<{login}>").code == 503
        assert "STARTTLS" not in dialogue.ok("EHLO again").lines
        assert dialogue.deliver(message(), "a@b.example", login).code == 250
        assert dialogue.say("STARTTLS").code == 502


def test_what_comes_in_clear_after_starttls_is_not_read(server: PrivateBascule, login: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with SmtpDialogue(server.ports["smtp"]) as dialogue:
        dialogue.send(b"STARTTLS\r\nNOOP injected\r\n")
        assert dialogue.reply().code == 220
        dialogue.socket = context.wrap_socket(dialogue.socket, server_hostname="localhost")
        assert dialogue.say("QUIT").code == 221


def test_whoever_guesses_is_sent_away(smtp: SmtpDialogue) -> None:
    smtp.ok("MAIL FROM:<a@b.example>")
    codes = [smtp.say(f"RCPT TO:<guess{n}@example.org>").code for n in range(21)]
    assert codes == [550] * 20 + [421]
