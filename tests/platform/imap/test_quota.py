"""QUOTA and QUOTA=RES-STORAGE: RFC 9208."""


def test_without_a_limit(client) -> None:
    assert client.ok("GETQUOTAROOT INBOX").lines == [b'* QUOTAROOT "INBOX" "mailbox"', b'* QUOTA "mailbox" ()']
    assert client.no("GETQUOTA nonsense").code == "NONEXISTENT"
    assert client.no('SETQUOTA "mailbox" (STORAGE 5)').code == "NOPERM"


def test_a_limit_is_told_and_kept(server, login: str, connect) -> None:
    accounts = server.accounts()
    accounts.set_quota(login, 4096)
    accounts.close()
    client = connect("INBOX")
    client.append("INBOX", b"x" * 2000)
    assert client.ok('GETQUOTA "mailbox"').lines == [b'* QUOTA "mailbox" (STORAGE 2 4)']
    assert client.no("APPEND INBOX {}", b"x" * 3000).code == "OVERQUOTA"
    client.append("INBOX", b"x" * 2000)
    assert client.no("COPY 1 Sent").code == "OVERQUOTA"
    client.ok("MOVE 1 Sent")


def test_a_message_that_does_not_fit_is_refused_before_it_is_sent(server, login: str, connect) -> None:
    accounts = server.accounts()
    accounts.set_quota(login, 4096)
    accounts.close()
    client = connect("INBOX")
    client.send(b"x APPEND INBOX (\\Seen) {5000}\r\n")
    assert client.end(b"x").code == "OVERQUOTA"
    client.send(b"y APPEND Nowhere {11}\r\n")
    assert client.end(b"y").code == "TRYCREATE"
    client.send(b"z CREATE Nowhere\r\nz2 APPEND Nowhere {11}\r\n")  # asked for behind what came before it
    assert client.end(b"z").status == "OK"
    client.continuation()
    client.send(b"a: b\r\n\r\nc\r\n {4090}\r\n")
    assert client.end(b"z2").code == "OVERQUOTA"  # the two together
    client.send(b"v APPEND INBOX {11}\r\n")
    client.continuation()
    client.send(b"a: b\r\n\r\nc\r\n {11}\r\n")
    client.continuation()
    client.send(b"a: b\r\n\r\nd\r\n\r\n")
    assert client.end(b"v").status == "OK"
    client.send(b"w APPEND {5}\r\n")
    client.continuation()
    client.send(b"INBOX {11}\r\n")
    client.continuation()
    client.send(b"a: b\r\n\r\ne\r\n\r\n")
    assert client.end(b"w").status == "OK"
    assert client.ok("SEARCH ALL").line(b"SEARCH") == b"* SEARCH 1 2 3"


def test_who_may_not_put_messages_there_hears_it_before_sending_one(client) -> None:
    client.send(b"x APPEND a//b {11}\r\n")
    assert client.end(b"x").code == "CANNOT"
    client.send(b"x APPEND Sent ({10}\r\n")  # what is written wrong is said of the whole
    client.continuation()
    client.send(b"0123456789)\r\n")
    assert client.end(b"x").status == "BAD"
    client.ok("NOOP")
