"""NAMESPACE: RFC 2342."""


def test_one_personal_namespace(client) -> None:
    assert client.ok("NAMESPACE").lines == [b'* NAMESPACE (("" "/")) NIL NIL']
