"""SORT: RFC 5256."""

import pytest

MAILS = [
    b"From: Zoe <zoe@x.y>\r\nTo: b@x.y\r\nSubject: Re: beta\r\nDate: Thu, 20 Nov 2025 09:00:00 +0000\r\n\r\nlonger body\r\n",
    b"From: adam@x.y\r\nTo: c@x.y\r\nSubject: alpha\r\nDate: Thu, 20 Nov 2025 08:00:00 +0000\r\n\r\nx\r\n",
    b"From: mia@x.y\r\nTo: a@x.y\r\nCc: k@x.y\r\nSubject: [list] gamma\r\nDate: Thu, 20 Nov 2025 12:00:00 +0500\r\n\r\nxx\r\n",
]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ARRIVAL", "1 2 3"),
        ("REVERSE ARRIVAL", "3 2 1"),
        ("DATE", "3 2 1"),
        ("SUBJECT", "2 1 3"),
        ("FROM", "2 3 1"),
        ("REVERSE TO", "2 1 3"),
        ("CC ARRIVAL", "1 2 3"),
        ("SIZE", "2 1 3"),
    ],
)
def test_orders(client, order: str, expected: str) -> None:
    for day, mail in enumerate(MAILS, 1):
        client.ok(f'APPEND INBOX "0{day}-Nov-2025 00:00:00 +0000" {{}}', mail)
    assert client.ok(f"SORT ({order}) UTF-8 ALL").lines == [b"* SORT " + expected.encode()]


def test_uids_criteria_and_return(client) -> None:
    for mail in MAILS:
        client.append("INBOX", mail)
    client.ok("STORE 1 +FLAGS (\\Deleted)")
    client.ok("EXPUNGE")
    assert client.ok("UID SORT (SUBJECT) US-ASCII NOT FROM zoe").lines == [b"* SORT 2 3"]
    assert client.ok("SORT RETURN (COUNT ALL) (REVERSE SUBJECT) UTF-8 ALL").lines[0].endswith(b"ALL 2,1 COUNT 2")
    client.bad("SORT (NONSENSE) UTF-8 ALL")
    assert client.no("SORT (DATE) X-NO ALL").code.startswith("BADCHARSET")
