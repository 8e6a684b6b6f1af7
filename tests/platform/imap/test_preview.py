"""PREVIEW: RFC 8970."""


def test_the_first_words(client) -> None:
    client.append(
        "INBOX",
        b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>H\xc3\xa9 <b>you</b></p>\r\n" + b"more " * 100,
    )
    for _ in range(2):
        line = client.ok("FETCH 1 (PREVIEW (LAZY))").line(b"1 FETCH")
        assert line.startswith(b"* 1 FETCH (PREVIEW H\xc3\xa9 you more more")
        assert len(line) < 260
    client.append("INBOX", b"Subject: empty\r\n\r\n")
    assert client.ok("FETCH 2 PREVIEW").line(b"2 FETCH") == b'* 2 FETCH (PREVIEW "")'
