"""A message for many is taken at once, and reaches all of them: some before the reply, the others from the queue."""

import time
from collections.abc import Iterator

import pytest

from bascule.platform.smtp import limits
from support.inbox import Inbox
from support.server import PrivateBascule
from support.smtp import SmtpDialogue, message

MEMBERS = tuple(f"member{number}@example.org" for number in range(limits.AT_ONCE + 10))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBascule]:
    with PrivateBascule(tmp_path_factory.mktemp("crowd"), accounts=MEMBERS) as running:
        yield running


def addressed(dialogue: SmtpDialogue) -> None:
    dialogue.ok("MAIL FROM:<else@where.example>")
    for member in MEMBERS:
        dialogue.ok(f"RCPT TO:<{member}>")
    assert dialogue.say("DATA").code == 354


@pytest.mark.parametrize(("service", "hello", "replies"), [("smtp", "EHLO x", 1), ("lmtp", "LHLO x", len(MEMBERS))])
def test_everybody_has_it_once(service: str, hello: str, replies: int, crowd: PrivateBascule) -> None:
    with SmtpDialogue(crowd.ports[service], hello=hello) as dialogue:
        addressed(dialogue)
        dialogue.send(message(service) + b".\r\n")
        assert {dialogue.reply().code for _ in range(replies)} == {250}
    for member in MEMBERS:
        found = Inbox(crowd, member).wait(1)
        assert sum(f"\r\nSubject: {service}\r\n".encode() in each for each in found) == 1
        assert all(f"\r\nDelivered-To: {member}\r\n".encode() in each for each in found)


def test_a_large_message_for_several_is_written_to_few_of_them_before_the_reply(crowd: PrivateBascule) -> None:
    lines = "x" * 76 + "\r\n"
    with SmtpDialogue(crowd.ports["smtp"]) as dialogue:
        dialogue.ok("MAIL FROM:<else@where.example>")
        for member in MEMBERS[:5]:
            dialogue.ok(f"RCPT TO:<{member}>")
        assert dialogue.say("DATA").code == 354
        text = message("large", body=lines * (limits.AT_ONCE_OCTETS // 2 // len(lines)))
        dialogue.send(text + b".\r\n")
        assert dialogue.reply().code == 250
    deadline = time.monotonic() + 60
    for member in MEMBERS[:5]:
        while not any(each.endswith(text) for each in Inbox(crowd, member).messages()):
            assert time.monotonic() < deadline, member
            time.sleep(0.1)
