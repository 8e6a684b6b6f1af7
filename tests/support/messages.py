"""Messages for tests, from a seed."""

import random

_WORDS = [
    "réunion",
    "budget",
    "thesis",
    "lunch",
    "données",
    "colloque",
    "semestre",
    "room",
    "figures",
    "rapport",
    "paper",
    "étude",
    "train",
    "note",
]


def plain(number: int, octets: int = 600, subject: str = "") -> bytes:
    """A message of about ``octets``; the same number gives the same octets."""
    chance = random.Random(number)
    text = " ".join(chance.choices(_WORDS, k=octets // 7))
    lines = "\r\n".join(text[i : i + 72] for i in range(0, len(text), 72))
    return (
        f"From: a{number % 7}@example.org\r\nTo: b@example.org\r\nSubject: {subject or f'number {number}'}\r\n"
        f"Date: Sat, 1 Feb 2020 10:{number % 60:02d}:00 +0000\r\nMessage-ID: <{number}@example.org>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{lines}\r\n"
    ).encode()


def many(count: int, seed: int = 1) -> list[bytes]:
    chance = random.Random(seed)
    return [plain(n, chance.choice([200, 600, 3000, 20_000])) for n in range(count)]
