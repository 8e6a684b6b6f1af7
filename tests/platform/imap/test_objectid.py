"""OBJECTID: RFC 8474."""

import re


def test_a_mailbox_keeps_its_id_when_it_is_renamed(client) -> None:
    made = client.ok("CREATE first").code
    assert made.startswith("MAILBOXID ")
    identity = re.findall(r"F[\d-]+", client.ok("STATUS first (MAILBOXID)").lines[0].decode())[0]
    client.ok("RENAME first second")
    assert identity.encode() in client.ok("STATUS second (MAILBOXID)").lines[0]
    assert client.ok("SELECT second").has(f"[MAILBOXID ({identity})]".encode())
    client.ok("CREATE first")
    assert identity.encode() not in client.ok("STATUS first (MAILBOXID)").lines[0]


def test_copies_share_their_email_id(client) -> None:
    client.append("INBOX", b"Subject: x\r\n\r\n")
    client.append("INBOX", b"Subject: y\r\n\r\n")
    first, second = (
        re.findall(rb"EMAILID \((\w+)\)", line)[0] for line in client.ok("FETCH 1:2 (EMAILID THREADID)").lines
    )
    assert first != second
    assert client.ok(f"SEARCH EMAILID {first.decode()}").lines == [b"* SEARCH 1"]
    client.ok("COPY 1 Sent")
    client.ok("SELECT Sent")
    assert first in client.ok("FETCH 1 EMAILID").lines[0]
