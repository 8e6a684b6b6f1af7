"""LMTP, for a mail server in front: one reply for each recipient. RFC 2033"""

from collections.abc import Callable

from support.inbox import Inbox
from support.server import PrivateBascule
from support.smtp import SmtpDialogue, message


def test_each_recipient_has_a_reply_of_its_own(server: PrivateBascule, inbox: Inbox, add: Callable[..., str]) -> None:
    full = add("small@example.org", quota_octets=10)
    with SmtpDialogue(server.ports["lmtp"], hello="LHLO front.example") as dialogue:
        assert dialogue.say("EHLO x").code == 500
        dialogue.ok("MAIL FROM:<a@b.example>")
        assert [dialogue.say(f"RCPT TO:<{address}>").code for address in (inbox.login, "nobody@example.org", full)] == [
            250,
            550,
            250,
        ]
        dialogue.ok("DATA")
        dialogue.send(message() + b".\r\n")
        replies = [dialogue.reply() for _ in range(2)]
        assert [(reply.code, reply.status) for reply in replies] == [(250, "2.0.0"), (452, "4.2.2")]
        dialogue.ok("NOOP")
    [found] = inbox.messages()
    assert b"with LMTP id" in found


def test_the_same_recipient_twice_has_two_replies(server: PrivateBascule, inbox: Inbox) -> None:
    with SmtpDialogue(server.ports["lmtp"], hello="LHLO front.example") as dialogue:
        assert dialogue.deliver(message(), "a@b.example", inbox.login, inbox.login).code == 250
        assert dialogue.reply().code == 250
    assert len(inbox.messages()) == 1
