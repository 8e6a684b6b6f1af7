"""What could become syntax, and an IMAP parser that shares nothing with ours: RFC 9051 §9, to the letter."""

import re

HOSTILE = [
    b"", b"a", b"a b", b"NIL", b"a{b", b"a{3+}", b"a{3}\r\nxyz", b'a"b', b"a\\b", b'\\"', b"(", b")", b"a(b)c", b"*", b"%", b"]", b"[", b"a]b",
    "été".encode(), b"caf\xe9", b"a\rb", b"a\nb", b"a\r\nz1 DELETE Precious", b"a\x00b", b"\x1b[31m", b"\x7f", b"{5+}", b"~{5+}\r\n12345", b"x" * 2000,
    b"\r\n" * 900,
]  # fmt: skip


class Reader:
    """``utf8``: UTF8=ACCEPT is enabled, so that quoted strings hold octets above 127. A literal's octets are taken as they come."""

    def __init__(self, octets: bytes, *, utf8: bool = True) -> None:
        self.octets = octets
        self.place = 0
        self.quoted = rb'"(?:[^"\\\r\n\x00]|\\["\\])*"' if utf8 else rb'"(?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*"'

    @property
    def is_at_end(self) -> bool:
        return self.place == len(self.octets)

    def take(self, pattern: bytes) -> bytes:
        found = re.compile(pattern, re.DOTALL).match(self.octets, self.place)
        assert found, f"{pattern!r} was expected at {self.octets[self.place : self.place + 40]!r}"
        self.place = found.end()
        return found[0]

    def commands(self) -> list[list[object]]:
        found = []
        while self.place < len(self.octets):
            self.take(rb"t1 ")
            values: list[object] = [self.take(rb"[A-Z]+(?: FETCH| STORE| SEARCH| EXPUNGE)?")]
            while self.octets[self.place : self.place + 2] != b"\r\n":
                self.take(rb" ")
                values.append(self.value())
            self.take(rb"\r\n")
            found.append(values)
        return found

    def value(self) -> object:
        match self.octets[self.place : self.place + 1]:
            case b"(":
                return self.list()
            case b'"':
                inside = self.take(self.quoted)[1:-1]
                return re.sub(rb"\\(.)", rb"\1", inside)
            case b"{":
                size = int(self.take(rb"\{\d+\+?\}\r\n").strip(b"{+}\r\n"))
                self.place += size
                value = self.octets[self.place - size : self.place]
                assert b"\0" not in value
                assert len(value) == size
                return value
            case _:
                # An atom, a flag or a set; BODY[…] of our own items. ``]`` is in astrings only.
                return self.take(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]+(?:\[\]|:\*)?")

    def list(self) -> list[object]:
        self.take(rb"\(")
        values: list[object] = []
        while self.octets[self.place : self.place + 1] != b")":
            if values:
                self.take(rb" ")
            values.append(self.value())
        self.take(rb"\)")
        return values
