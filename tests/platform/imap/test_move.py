"""MOVE: RFC 6851."""


def test_messages_are_there_and_no_longer_here(connect) -> None:
    client, other = connect("INBOX"), connect("INBOX")
    for _ in range(3):
        client.append("INBOX", b"Subject: x\r\n\r\n", "\\Flagged")
    other.ok("NOOP")
    reply = client.ok("MOVE 1,3 Trash")
    assert reply.lines[0].startswith(b"* OK [COPYUID ")
    assert reply.lines[1:] == [b"* 3 EXPUNGE", b"* 1 EXPUNGE"]
    assert other.ok("NOOP").lines == [b"* 3 EXPUNGE", b"* 1 EXPUNGE"]
    assert client.ok("STATUS Trash (MESSAGES)").has(b"MESSAGES 2")
    assert client.no("MOVE 1 nowhere").code == "TRYCREATE"
    assert client.ok("UID MOVE 999 Trash").lines == []
    client.ok("EXAMINE INBOX")
    client.no("MOVE 1 Trash")


def test_within_the_same_folder(client) -> None:
    client.append("INBOX", b"Subject: x\r\n\r\n")
    reply = client.ok("UID MOVE 1 INBOX")
    assert b"* 1 EXPUNGE" in reply.lines
    assert client.ok("UID SEARCH ALL").lines == [b"* SEARCH 2"]
