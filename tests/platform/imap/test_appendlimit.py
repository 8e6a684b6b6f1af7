"""APPENDLIMIT: RFC 7889."""


def test_the_limit_is_told(client) -> None:
    assert client.ok("CAPABILITY").has(b"APPENDLIMIT=104857600")
    assert client.ok("STATUS INBOX (APPENDLIMIT)").has(b"APPENDLIMIT 104857600")


def test_what_is_larger_is_refused_before_it_comes(client) -> None:
    client.send(b"x APPEND INBOX {104857601}\r\n")
    assert client.end(b"x").code == "TOOBIG"
    client.ok("NOOP")
