"""Messages that can be told apart: each says its name in its header, and the same name and text give the same octets."""

import random

_WORDS = ("réunion", "budget", "thesis", "lunch", "données", "colloque", "semestre", "room", "figures", "rapport")


def letter(tag: str, *, octets: int = 300, message_id: str = "") -> bytes:
    """A message of about ``octets``, called ``tag``; ``message_id``: where another message's is to be borrowed."""
    chance = random.Random(tag)
    text = " ".join(chance.choice(_WORDS) for _ in range(octets // 7))
    lines = "\r\n".join(text[i : i + 72] for i in range(0, len(text), 72))
    return (
        f"From: a@example.org\r\nTo: b@example.org\r\nSubject: {tag}\r\nDate: Sat, 1 Feb 2020 10:00:00 +0000\r\n"
        f"Message-ID: <{message_id or tag}@example.org>\r\nX-Tag: {tag}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"\r\n{lines}\r\n"
    ).encode()
