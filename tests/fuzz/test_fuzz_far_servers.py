"""Other servers that say anything: every recipient has an outcome, and it is none of success where no message was taken."""

import asyncio
import random
import re

import pytest

from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.queue.meaning import Meaning, Outcome
from bascule.platform.smtp.queue.sending import Outgoing, Sender, Unreachable
from bascule.terms.body import HeldBody
from support.far_server import PLAIN, FarServer

KEYS = ("greeting", "EHLO", "HELO", "STARTTLS", "MAIL", "RCPT", "RCPT TO:<b", "DATA", "end", "QUIT")
PIECES = [
    b"220 ", b"250 ", b"250-", b"354 ", b"421 ", b"450 ", b"550 ", b"999 ", b"25", b"-", b" ", b"\r\n", b"\n", b"\r", b"\0", b"\xff\xfe", b"5.1.1 ",
    b"STARTTLS", b"SIZE 10", b"8BITMIME", "boîte".encode("latin-1"), b"x" * 3000, b"250-x\r\n" * 300, b"250 ok\r\n", b"550 5.1.1 no\r\n", b"",
]  # fmt: skip
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
RECIPIENTS = ("a@far.example", "b@far.example")


def answers(draw: random.Random) -> dict[str, bytes]:
    """Some of a well-behaved server's replaced: by pieces, or by itself twice, cut or with something behind it."""
    told: dict[str, bytes] = {}
    for key in draw.sample(KEYS, draw.choice((0, 1, 1, 2, 4))):
        usual = PLAIN.get(key, b"250 2.0.0 fine\r\n")
        assert isinstance(usual, bytes)
        told[key] = draw.choice(
            [
                b"".join(draw.choices(PIECES, k=draw.randint(1, 4))),
                usual * 2,
                usual[: draw.randrange(len(usual))],
                usual + draw.choice(PIECES),
                draw.choice(PIECES) + usual,
            ]
        )
    return told


def send(server: FarServer, text: bytes) -> dict[str, Outcome]:
    """None of the outcomes where the server could not be talked to."""
    sender = Sender("mail.example.org", lambda event, **fields: None)
    message = Outgoing("anna@example.org", RECIPIENTS, HeldBody(text), is_utf8=False)
    try:
        return asyncio.run(sender.send(Endpoint("127.0.0.1", server.port), message))
    except Unreachable:
        return {}


@pytest.mark.soak
def test_no_server_breaks_the_queue(seed: int, soak: bool) -> None:
    """Who falls silent is cut off after a moment, so that it takes no minutes."""
    rounds, draw = 20_000 if soak else 300, random.Random(seed)
    print(f"seed {seed}, {rounds} conversations")
    taken = 0
    for number in range(rounds):
        told = answers(draw)
        text = b"Subject: x\r\n\r\n" + b".\r\n" * draw.randint(0, 3)
        with FarServer(told, silence_seconds=0.2) as server:
            outcomes = send(server, text)
            assert set(outcomes) in (set(), set(RECIPIENTS)), (number, told)
            for outcome in outcomes.values():
                assert not CONTROLS.search(str(outcome.reply)), (number, told)
                if outcome.meaning is Meaning.DONE:
                    taken += 1
                    assert server.messages == [text.replace(b"\r\n.", b"\r\n..")], (number, told)
    assert taken > rounds // 5
