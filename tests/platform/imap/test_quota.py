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
