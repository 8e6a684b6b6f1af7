"""BINARY: RFC 3516."""

import base64

DATA = bytes(range(256))
MAIL = (
    b'Subject: parts\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n'
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nd=C3=A9j=C3=A0\r\n--x\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(DATA).replace(b"\n", b"\r\n") + b"--x\r\n"
    b"Content-Transfer-Encoding: x-strange\r\n\r\nhm\r\n--x--\r\n"
)  # fmt: skip


def test_parts_are_decoded(client) -> None:
    client.append("INBOX", MAIL)
    assert client.ok("FETCH 1 BINARY.PEEK[1]").line(b"1 FETCH") == b"* 1 FETCH (BINARY[1] " + "déjà".encode() + b")"
    assert (
        client.ok("FETCH 1 BINARY[2]")
        .line(b"1 FETCH")
        .startswith(b"* 1 FETCH (FLAGS (\\Seen \\Recent) BINARY[2] " + DATA[:9])
    )
    assert client.ok("FETCH 1 BINARY.SIZE[2]").line(b"1 FETCH") == b"* 1 FETCH (BINARY.SIZE[2] 256)"
    assert client.ok("FETCH 1 BINARY.PEEK[2]<250.100>").line(b"1 FETCH").endswith(DATA[250:] + b")")
    assert client.no("FETCH 1 BINARY.PEEK[3]").code == "UNKNOWN-CTE"
    client.bad("FETCH 1 BINARY[HEADER]")


def test_append_with_nul(client) -> None:
    message = b"Subject: nul\r\n\r\na\0b\r\n"
    client.send(b"x APPEND INBOX ~{%d+}\r\n" % len(message) + message + b"\r\n")
    assert client.end(b"x").status == "OK"
    assert client.ok("FETCH 1 BINARY.PEEK[]").line(b"1 FETCH").endswith(message + b")")


def test_nul_is_in_no_literal_but_that_of_binary(client) -> None:
    """RFC 9051 §4.3.1. Sizes and places stay as they are."""
    message = b"Subject: nul\r\nContent-Transfer-Encoding: binary\r\n\r\na\0b\0\r\n"
    client.send(b"x APPEND INBOX ~{%d+}\r\n" % len(message) + message + b"\r\n")
    assert client.end(b"x").status == "OK"
    told = message.replace(b"\0", b"\x80")
    body = b"a\x80b\x80\r\n"
    for section, octets in (("", told), ("TEXT", body), ("1", body), ("HEADER", message[: -len(body)])):
        line = client.ok(f"FETCH 1 BODY.PEEK[{section}]").line(b"1 FETCH")
        assert line.endswith(b"BODY[%b] %b)" % (section.encode(), octets))  # `Dialogue` joins literals in
    assert client.ok("FETCH 1 RFC822").line(b"1 FETCH").count(told) == 1
    assert client.ok("FETCH 1 BINARY.PEEK[1]<1.3>").line(b"1 FETCH").endswith(b"\0b\0)")
    assert (
        client.ok("FETCH 1 (RFC822.SIZE BINARY.SIZE[1])")
        .line(b"1 FETCH")
        .endswith(b"SIZE %d BINARY.SIZE[1] 6)" % len(message))
    )


def test_blanks_at_the_end_of_a_line_are_none_in_quoted_printable(client) -> None:
    """RFC 2045 §6.7, rule 3."""
    encoded = b"hello  \r\nbar\t= \r\nb=20 \t\r\nfoo =\t \r\nbar=3D\r\nend \t"
    client.append("INBOX", b"Subject: qp\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded)
    line = client.ok("FETCH 1 BINARY.PEEK[1]").line(b"1 FETCH")
    assert line == b"* 1 FETCH (BINARY[1] hello\r\nbar\tb \r\nfoo bar=\r\nend)"
    assert client.ok("FETCH 1 BINARY.SIZE[1]").has(b"BINARY.SIZE[1] 28)")
