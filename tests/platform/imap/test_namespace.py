"""NAMESPACE: RFC 2342."""


def test_ones_own_and_other_peoples(client) -> None:
    assert client.ok("NAMESPACE").lines == [b'* NAMESPACE (("" "/")) (("Other Users/" "/")) NIL']
