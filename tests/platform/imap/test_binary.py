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
