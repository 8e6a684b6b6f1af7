"""ID: RFC 2971."""

from support.dialogue import Dialogue


def test_the_server_says_who_it_is(client) -> None:
    assert b'"name" "Bascule"' in client.ok('ID ("name" "test" "version" NIL)').line(b"ID")
    client.ok("ID NIL")
    client.bad("ID (1")
    client.bad('ID ("name")')


def test_the_longest_id_is_taken_before_sign_in(server) -> None:
    """RFC 2971 §3.3: 30 pairs of 30 and of 1,024 octets."""
    client = Dialogue(server.imap)
    pairs = " ".join(f'"{number:030}" "{"x" * 1024}"' for number in range(30))
    client.ok(f"ID ({pairs})")
    client.bad(f'ID ({pairs} "one" "more")')
    client.send(b"x LOGIN " + b"y" * 50_000)
    assert client.untagged().startswith(b"* BYE a line is longer than ")
    client.close()
