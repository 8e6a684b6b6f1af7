"""ESEARCH: RFC 4731."""


def test_what_is_asked_for_is_returned(client) -> None:
    for flags in ("", "\\Seen", "", ""):
        client.append("INBOX", b"Subject: x\r\n\r\n", flags)
    assert client.ok("SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN").lines[0].endswith(b"MIN 1 MAX 4 ALL 1,3:4 COUNT 3")
    assert client.ok("UID SEARCH RETURN () UNSEEN").lines[0].endswith(b") UID ALL 1,3:4")
    assert client.ok("SEARCH RETURN (MIN COUNT) FLAGGED").lines[0].endswith(b") COUNT 0")
    client.bad("SEARCH RETURN (NONSENSE) ALL")
