"""Mails that a stranger may write to hold whoever reads them: each is small enough for any server to take, and slow, deep or large for a parser that
gives way to it."""

HTML = b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"


def _nested(levels: int) -> bytes:
    """Multiparts within one another, the innermost with a text."""
    heads = [b'Content-Type: multipart/mixed; boundary="%d."\r\n\r\n--%d.\r\n' % (n, n) for n in range(levels)]
    return b"".join(heads) + b"\r\ndeep text\r\n"


def _forwarded(levels: int) -> bytes:
    """Messages within messages."""
    return b"Content-Type: message/rfc822\r\n\r\n" * levels + b"Subject: inner\r\n\r\ndeep text\r\n"


def _lines(octets: bytes) -> bytes:
    """In lines of the length that SMTP takes (RFC 5321 §4.5.3.1.6)."""
    return b"\r\n".join(octets[start : start + 900] for start in range(0, len(octets), 900)) + b"\r\n"


def _folded(octets: bytes) -> bytes:
    return b"\r\n ".join(octets[start : start + 900] for start in range(0, len(octets), 900)) + b"\r\n"


def _many_parts(count: int) -> bytes:
    return b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"--x\r\n\r\na\r\n" * count + b"--x--\r\n"


def _attached(count: int, header: bytes) -> bytes:
    """Messages beside one another."""
    part = b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + header + b"\r\ntext\r\n"
    return b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + part * count + b"--x--\r\n"


_PEOPLE = _folded(b'"a b (c)" (d) <x@b.example>, ' * 4000)
"""Written so that they are read octet by octet."""

POISON = {
    "comments that never end": HTML + _lines(b"<!--" * 50_000),
    "scripts that never end": HTML + _lines(b"<script>" * 200_000),
    "tags that never end": HTML + _lines(b"<a " * 300_000),
    "declarations that never end": HTML + _lines(b"<![if " * 200_000),
    "quoted values that never end": HTML + _lines(b'<a b="' * 150_000),
    "references by the hundred thousand": HTML + _lines(b"&#x1f600;&nbsp;&notin" * 50_000),
    "encoded words that are none in a Subject": b"Subject: " + _folded(b"=?" * 80_000) + b"\r\ntext\r\n",
    "encoded words by the ten thousand": b"Subject: " + _folded(b"=?utf-8?q?=C3=A9?= " * 40_000) + b"\r\ntext\r\n",
    "an encoded word of two megabytes": b"Subject: =?utf-8?b?" + _folded(b"w6nD" * 500_000) + b"\r\n\r\ntext\r\n",
    "multiparts a thousand deep": _nested(1000),
    "messages a thousand deep": _forwarded(1000),
    "a hundred thousand parts": _many_parts(100_000),
    "lines like boundaries": b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"--\r\n--y\r\n" * 300_000,
    "a From of twenty megabytes": b"From: " + _folded(b"a@b.example, " * 1_500_000) + b"\r\ntext\r\n",
    "comments within comments in a From": b"From: " + _folded(b"(" * 300_000) + b"\r\ntext\r\n",
    "a quoted string that never ends in a To": b'To: "' + _folded(b"\\a" * 300_000) + b"\r\ntext\r\n",
    "groups within a To": b"To: " + _folded(b"g:a@b.example;," * 60_000) + b"\r\ntext\r\n",
    "parameters by the hundred thousand": b"Content-Type: text/plain" + _folded(b"; a*0*=x; b=(((" * 60_000) + b"\r\ntext\r\n",
    "References by the hundred thousand": b"References: " + _folded(b"<a@b.example> " * 100_000) + b"\r\ntext\r\n",
    "fields by the hundred thousand": b"X: y\r\n" * 200_000 + b"\r\ntext\r\n",
    "long lists of people in each attached message": _attached(12, b"From: " + _PEOPLE + b"To: " + _PEOPLE),
    "a thousand fields in each attached message": _attached(1000, b"X:\r\n" * 999),
    "newlines within a hundred messages": _attached(1, b"Content-Type: message/rfc822\r\n\r\n" * 97 + b"\r\n" + b"\n" * 5_000_000),
    "a field's name of a megabyte": b"\r\n".join([b"x" * 990] * 1000) + b"\r\n\r\ntext\r\n",
    "a charset that is slow": b"X-A: =?punycode?Q?a-" + b"b" * 60_000 + b"?=\r\nContent-Type: text/plain; charset=punycode\r\n\r\n" + _lines(b"b" * 300_000),
    "half characters in UTF-7": b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + _lines(b"+2D0- " * 100_000),
    "blanks without an end in quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + (b" \t" * 450 + b"x\r\n") * 2000,
    "Base64 of nothing": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=\r\n" * 500_000,
    "a Date that is long": b"Date: " + _folded(b"1 Jan " * 100_000) + b"\r\ntext\r\n",
    "combining marks": b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + _lines("e\u0301\u0323".encode() * 150_000),
    "one line of a megabyte": b"Subject: long\r\n\r\n" + b"x" * 1_000_000 + b"\r\n",
}  # fmt: skip
"""By what is wrong with each. The texts say ``deep text`` or ``text`` where they have words at all."""
