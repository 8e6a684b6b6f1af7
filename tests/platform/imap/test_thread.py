"""THREAD=REFERENCES and THREAD=ORDEREDSUBJECT: RFC 5256 §3."""

import pytest


def mail(name: str, subject: str, hour: int, references: str = "", reply: str = "") -> bytes:
    head = f"Message-ID: <{name}>\r\nSubject: {subject}\r\nDate: Thu, 20 Nov 2025 {hour:02}:00:00 +0000\r\n"
    head += f"References: {references}\r\n" if references else ""
    head += f"In-Reply-To: {reply}\r\n" if reply else ""
    return head.encode() + b"\r\nx\r\n"


THREAD = [
    mail("a@x", "plan", 1),
    mail("b@x", "Re: plan", 2, "<a@x>"),
    mail("c@x", "Re: plan", 3, "<a@x> <b@x>"),
    mail("d@x", "Re: plan", 4, "<a@x>"),
    mail("e@x", "other", 5),
    mail("f@x", "Re: lost", 6, "<gone@x>"),
    mail("g@x", "Re: lost", 7, "<gone@x>"),
    mail("h@x", "Fwd: other", 8, reply="<e@x>"),
]


@pytest.fixture
def filled(client):
    for each in THREAD:
        client.append("INBOX", each)
    return client


def test_references(filled) -> None:
    assert filled.ok("THREAD REFERENCES UTF-8 ALL").lines == [b"* THREAD (1 (2 3)(4))(5 8)((6)(7))"]
    assert filled.ok("UID THREAD REFERENCES UTF-8 SUBJECT other").lines == [b"* THREAD (5 8)"]


def test_ordered_subject(filled) -> None:
    assert filled.ok("THREAD ORDEREDSUBJECT UTF-8 ALL").lines == [b"* THREAD (1 (2)(3)(4))(5 8)(6 7)"]


def test_nothing_to_thread(filled) -> None:
    assert filled.ok("THREAD REFERENCES UTF-8 FLAGGED").lines == [b"* THREAD"]
    filled.bad("THREAD NONSENSE UTF-8 ALL")


def test_a_loop_of_references_ends(client) -> None:
    client.append("INBOX", mail("a@x", "one", 1, "<b@x>"))
    client.append("INBOX", mail("b@x", "two", 2, "<a@x>"))
    client.append("INBOX", mail("b@x", "three", 3, "<b@x>"))
    answer = client.ok("THREAD REFERENCES UTF-8 ALL").lines[0]
    assert sorted(number for number in b"".join(answer.split(b"THREAD")[1:]).decode() if number.isdigit()) == [
        "1",
        "2",
        "3",
    ]


def test_a_thread_of_two_thousand_answers(client) -> None:
    mails = [mail("0@x", "deep", 1), *(mail(f"{n}@x", "Re: deep", 1, f"<{n - 1}@x>") for n in range(1, 2000))]
    for start in range(0, 2000, 500):
        group = mails[start : start + 500]
        client.ok("APPEND INBOX " + " ".join("{}" for _ in group), *group)
    assert client.ok("THREAD REFERENCES UTF-8 ALL").lines[0].endswith(b" 1999 2000)")
