"""UNSELECT: RFC 3691."""


def test_nothing_is_expunged(client) -> None:
    client.append("INBOX", b"Subject: x\r\n\r\n", "\\Deleted")
    client.ok("UNSELECT")
    client.bad("UNSELECT")
    assert b"* 1 EXISTS" in client.ok("SELECT INBOX").lines
