"""STARTTLS and TLS from the first octet; what an attacker put before TLS is not carried out (CVE-2011-0411)."""

from support.certificates import trust
from support.dialogue import Dialogue
from support.server import PASSWORD


def test_starttls_then_sign_in(server, login: str) -> None:
    client = Dialogue(server.imap)
    assert b"STARTTLS" in client.greeting
    client.ok("STARTTLS")
    client.start_tls(trust(server.root))
    assert not client.ok("CAPABILITY").has(b"STARTTLS")
    client.bad("STARTTLS")
    client.ok(f"LOGIN {login} {PASSWORD}")
    client.append("INBOX", b"Subject: x\r\n\r\n" + b"z" * 200_000)
    client.ok("SELECT INBOX")
    assert len(client.ok("FETCH 1 BODY[]").lines[0]) > 200_000


def test_what_was_sent_in_clear_behind_starttls_is_thrown_away(server, login: str) -> None:
    client = Dialogue(server.imap)
    client.send(b"s STARTTLS\r\nx LOGIN evil evil\r\n")
    assert client.end(b"s").status == "OK"
    client.start_tls(trust(server.root))
    assert client.ok("NOOP").lines == []


def test_tls_from_the_first_octet(server, login: str) -> None:
    client = Dialogue(server.ports["imaps"], tls=trust(server.root))
    assert b"AUTH=PLAIN" in client.greeting
    client.ok(f"LOGIN {login} {PASSWORD}")
