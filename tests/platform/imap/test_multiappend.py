"""MULTIAPPEND: RFC 3502. All of the messages, or none."""


def test_several_at_once(client) -> None:
    reply = client.ok(
        'APPEND INBOX (\\Seen) {} "01-Feb-2020 10:11:12 +0200" {} {}', b"a: 1\r\n\r\n", b"b: 2\r\n\r\n", b"c: 3\r\n\r\n"
    )
    assert reply.code.endswith(" 1:3")
    lines = client.ok("FETCH 1:3 (FLAGS INTERNALDATE)").lines
    assert b"\\Seen" in lines[0]
    assert b"01-Feb-2020" in lines[1]


def test_one_that_is_wrong_keeps_all_out(client) -> None:
    client.bad("APPEND INBOX {} {}", b"a: 1\r\n\r\n", b"")
    client.bad('APPEND INBOX {} "no date" {}', b"a: 1\r\n\r\n", b"b: 2\r\n\r\n")
    assert client.ok("STATUS INBOX (MESSAGES)").has(b"MESSAGES 0")


def test_what_does_not_fit_the_quota_keeps_all_out(server, login: str, connect) -> None:
    accounts = server.accounts()
    accounts.set_quota(login, 100)
    accounts.close()
    client = connect("INBOX")
    assert client.no("APPEND INBOX {} {}", b"a: 1\r\n\r\n", b"b: 2\r\n\r\n" + b"x" * 100).code == "OVERQUOTA"
    assert client.ok("STATUS INBOX (MESSAGES)").has(b"MESSAGES 0")
