"""ENABLE: RFC 5161."""


def test_what_is_known_is_enabled(client) -> None:
    enabled, state = client.ok("ENABLE CONDSTORE X-NONSENSE").lines
    assert enabled == b"* ENABLED CONDSTORE"
    assert state.startswith(b"* OK [HIGHESTMODSEQ ")  # RFC 7162 §3.1: of the mailbox that is selected
    assert client.ok("ENABLE CONDSTORE").lines == [b"* ENABLED CONDSTORE"]
    assert client.ok("ENABLE X-NONSENSE").lines == [b"* ENABLED"]
    client.bad("ENABLE")
