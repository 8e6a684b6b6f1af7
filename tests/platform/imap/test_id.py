"""ID: RFC 2971."""


def test_the_server_says_who_it_is(client) -> None:
    assert b'"name" "Bascule"' in client.ok('ID ("name" "test" "version" NIL)').line(b"ID")
    client.ok("ID NIL")
    client.bad("ID (1")
    client.bad('ID ("name")')
