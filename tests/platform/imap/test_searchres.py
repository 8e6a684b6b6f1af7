"""SEARCHRES: RFC 5182."""


def test_the_saved_result_is_used(client) -> None:
    for flags in ("", "\\Seen", "", "\\Deleted"):
        client.append("INBOX", b"Subject: x\r\n\r\n", flags)
    assert client.ok("SEARCH RETURN (SAVE) UNSEEN").lines == []
    assert client.ok("SEARCH $").lines == [b"* SEARCH 1 3 4"]
    assert len(client.ok("FETCH $ FLAGS").lines) == 3
    client.ok("UID EXPUNGE 4")
    assert client.ok("UID SEARCH UID $").lines == [b"* SEARCH 1 3"]
    client.ok("SEARCH RETURN (SAVE MIN) UNSEEN")
    assert client.ok("SEARCH $").lines == [b"* SEARCH 1"]
    client.ok("STORE $ +FLAGS.SILENT (\\Flagged)")
    assert client.ok("SEARCH FLAGGED").lines == [b"* SEARCH 1"]
    client.no("SEARCH RETURN (SAVE) CHARSET X-NO ALL")
    assert client.ok("SEARCH $").lines == [b"* SEARCH"]
    client.ok("SEARCH RETURN (SAVE) ALL")
    client.ok("COPY $ Trash")
    assert client.ok("STATUS Trash (MESSAGES)").has(b"MESSAGES 3")
