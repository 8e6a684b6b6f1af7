"""A server that has less than it says: ``Faults(lesser=Without("UIDPLUS"))`` takes capabilities away from what a `Proxy` stands before.

What is taken away is not offered, its responses do not appear, and a command that uses it is answered BAD, as an older server would.
``Without()`` takes all of them, and leaves RFC 3501 as it was first written. ``used`` lists the commands that were refused.
"""

import re
from collections.abc import Iterator

_LITERAL = re.compile(rb"~?\{(\d+)(\+?)\}\r?\n$")
_QUOTED = re.compile(rb'"(?:\\.|[^"\\])*"')
_USES = {
    "LITERAL+": rb"\{\d+\+\}\r\n$",
    "UIDPLUS": rb"^\S+ UID EXPUNGE\b",
    "CONDSTORE": rb"\((?:UN)?CHANGEDSINCE\b|\bHIGHESTMODSEQ\b|\bMODSEQ\b|\bCONDSTORE\b",
    "QRESYNC": rb"\bQRESYNC\b|\bVANISHED\b",
    "ESEARCH": rb"^\S+ (?:UID )?SEARCH RETURN\b",
    "LIST-EXTENDED": rb"^\S+ LIST (?:\(|.*\bRETURN\b|\S+ \()",
    "LIST-STATUS": rb"^\S+ LIST .*\bRETURN \(.*\bSTATUS\b",
    "SPECIAL-USE": rb"^\S+ LIST .*\bSPECIAL-USE\b",
    "CREATE-SPECIAL-USE": rb"^\S+ CREATE .*\(USE\b",
    "NAMESPACE": rb"^\S+ NAMESPACE\b",
    "MOVE": rb"^\S+ (?:UID )?MOVE\b",
    "ENABLE": rb"^\S+ ENABLE\b",
    "BINARY": rb"~\{|\bBINARY(?:\.PEEK|\.SIZE)?\[",
    "UTF8=ACCEPT": rb"\bUTF8=ACCEPT\b|\bUTF8 \(",
    "ID": rb"^\S+ ID\b",
    "IDLE": rb"^\S+ IDLE\b",
    "UNSELECT": rb"^\S+ UNSELECT\b",
    "SASL-IR": rb"^\S+ AUTHENTICATE \S+ \S",
    "COMPRESS=DEFLATE": rb"^\S+ COMPRESS\b",
    "SORT": rb"^\S+ (?:UID )?SORT\b",
    "THREAD=REFERENCES": rb"^\S+ (?:UID )?THREAD\b",
    "QUOTA": rb"^\S+ (?:GETQUOTA|GETQUOTAROOT|SETQUOTA)\b",
    "WITHIN": rb"\b(?:YOUNGER|OLDER)\b",
    "MULTIAPPEND": rb"(?!)",  # a second message is told by its place, not by a word
}
"""How a command shows that it uses an extension: RFC 7888, 4315, 7162, 4731, 5258, 5819, 6154, 2342, 6851, 5161, 3516, 6855, 2971, 2177, 3691, 4959, …"""
_SAYS = {
    "UIDPLUS": (rb"\[(?:APPENDUID|COPYUID) [^\]]*\] ?", b""),
    "CONDSTORE": (rb"^\* OK \[(?:HIGHESTMODSEQ|NOMODSEQ)[^\r\n]*\r\n|\[(?:HIGHESTMODSEQ|MODIFIED) [^\]]*\] ?", b""),
    "SPECIAL-USE": (rb"(?<=[ (])\\(?:All|Archive|Drafts|Flagged|Junk|Sent|Trash|Important) ?(?=[^\"]*\) )", b""),
    "CHILDREN": (rb"(?<=[ (])\\Has(?:No)?Children ?(?=[^\"]*\) )", b""),
}
"""What a server says of an extension without being asked."""
_RFC_3501 = frozenset({"IMAP4REV1", "AUTH=PLAIN", "AUTH=LOGIN", "STARTTLS", "LOGINDISABLED"})
_IMPLIED = {
    "LITERAL+": ("LITERAL-",),
    "CONDSTORE": ("QRESYNC",),
    "ENABLE": ("QRESYNC", "UTF8=ACCEPT"),
    "LIST-EXTENDED": ("LIST-STATUS",),
}
"""What goes with it, or can't be without it (RFC 7162 §3.2.3, RFC 6855 §3, RFC 5819 §2)."""


class Without:
    """``Without("MOVE", "ID")``; each connection takes a `Sieve` of its own."""

    def __init__(self, *names: str) -> None:
        self.names = frozenset(name for given in names for name in (given, *_IMPLIED.get(given, ())))
        self.used: list[bytes] = []

    def lacks(self, capability: str) -> bool:
        name = capability.upper()
        return name in self.names if self.names else name not in _RFC_3501

    def sieve(self) -> "Sieve":
        return Sieve(self)


class Sieve:
    """What goes up to the server and down to the client over one connection."""

    def __init__(self, without: Without) -> None:
        self._without = without
        self._uses = [(name, re.compile(use)) for name, use in _USES.items() if without.lacks(name)]
        self._says = [(re.compile(says), instead) for name, (says, instead) in _SAYS.items() if without.lacks(name)]
        self._up = _Lines()
        self._down = _Lines()
        self._parts: list[bytes] = []
        self._refused = False
        self.is_broken = False
        """A command was refused in its middle: the server waits for the rest of it, so the connection is of no more use."""

    def up(self, data: bytes) -> tuple[bytes, bytes]:
        """(to the server, back to the client)."""
        forward, back = b"", b""
        for is_line, piece in self._up.feed(data):
            if is_line:
                self._parts.append(piece)
                if not self._refused and self._is_too_much():
                    self._refused = True
                    self._without.used.append(b"".join(self._parts))
                    self.is_broken = len(self._parts) > 1
                    tag = self._parts[0].split(b" ", 1)[0]
                    back += tag + b" BAD Unknown command or argument.\r\n"
                    literal = _LITERAL.search(piece)
                    if literal and not literal[2]:
                        self._up.expect_no_literal()  # the client asked, and was not told to send it
                        piece = b""
            if not self._refused:
                forward += piece
            if is_line and not _LITERAL.search(piece):
                self._parts, self._refused = [], False
        return forward, back

    def _is_too_much(self) -> bool:
        line = _QUOTED.sub(b'""', self._parts[-1]).upper()
        if any(use.search(line) for _, use in self._uses):
            return True
        return self._without.lacks("MULTIAPPEND") and self._messages() > 1

    def _messages(self) -> int:
        """How many messages this APPEND brings up to here: a literal that follows the command's name is the folder's."""
        first = self._parts[0].upper()
        if not re.match(rb"\S+ APPEND ", first):
            return 0
        return sum(bool(_LITERAL.search(part)) for part in self._parts) - bool(re.match(rb"\S+ APPEND \{", first))

    def down(self, data: bytes) -> bytes:
        told = b""
        for is_line, piece in self._down.feed(data):
            told += self._less(piece) if is_line else piece
        return told

    def _less(self, line: bytes) -> bytes:
        line = re.sub(rb"(?i)(\bCAPABILITY )([^\]\r\n]*)", self._fewer, line, count=1)
        if re.match(rb"\* (?:OK|LIST|LSUB) |[^*+]\S* OK ", line):
            for says, instead in self._says:
                line = says.sub(instead, line)
        return line

    def _fewer(self, match: re.Match[bytes]) -> bytes:
        if match.string[: match.start()].count(b"[") == 0 and not match.string.startswith(b"* CAPABILITY"):
            return match[0]  # a text that speaks of it
        return match[1] + b" ".join(word for word in match[2].split() if not self._without.lacks(word.decode()))


class _Lines:
    """Cuts a stream into whole lines, and literals in whatever pieces they come."""

    def __init__(self) -> None:
        self._line = b""
        self._literal = 0

    def feed(self, data: bytes) -> Iterator[tuple[bool, bytes]]:
        while data:
            if self._literal:
                piece, data = data[: self._literal], data[self._literal :]
                self._literal -= len(piece)
                yield False, piece
                continue
            part, end, data = data.partition(b"\n")
            self._line += part + end
            if end:
                line, self._line = self._line, b""
                literal = _LITERAL.search(line)
                self._literal = int(literal[1]) if literal else 0
                yield True, line

    def expect_no_literal(self) -> None:
        self._literal = 0
