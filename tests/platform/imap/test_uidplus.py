"""UIDPLUS: RFC 4315."""


def test_append_copy_and_expunge_tell_uids(client) -> None:
    validity = client.ok("STATUS INBOX (UIDVALIDITY)").parsed[0].items["UIDVALIDITY"]
    for number in range(1, 4):
        assert client.ok("APPEND INBOX (\\Deleted) {}", b"Subject: x\r\n\r\n").code == f"APPENDUID {validity} {number}"
    sent = client.ok("STATUS Sent (UIDVALIDITY)").parsed[0].items["UIDVALIDITY"]
    assert client.ok("COPY 2:3 Sent").code == f"COPYUID {sent} 2:3 1:2"
    assert client.ok("UID COPY 77 Sent").code == ""
    assert client.ok("UID EXPUNGE 2:5").lines == [b"* 3 EXPUNGE", b"* 2 EXPUNGE"]
    assert client.ok("UID SEARCH ALL").lines == [b"* SEARCH 1"]
    client.bad("UID EXPUNGE")
