"""ENABLE: RFC 5161."""


def test_what_is_known_is_enabled(client) -> None:
    assert client.ok("ENABLE CONDSTORE X-NONSENSE").lines == [b"* ENABLED CONDSTORE"]
    assert client.ok("ENABLE X-NONSENSE").lines == [b"* ENABLED"]
    client.bad("ENABLE")
