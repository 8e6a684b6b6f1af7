"""ENVELOPE, BODYSTRUCTURE and the sections of every real message, beside a real Dovecot's."""

import re
import socket
from collections.abc import Iterator

import pytest

from bascule.protocols.imap.describe import body_structure, envelope
from bascule.protocols.imap.limits import Limits
from bascule.protocols.imap.receiver import Receiver
from bascule.protocols.imap.section import octets_of, parse_section
from bascule.protocols.imap.tokens import Value, parse_values
from bascule.protocols.mime.structure import parse_structure
from bascule.terms.body import SpooledBody
from support import real_mail
from support.dovecot import PrivateDovecot

pytestmark = [pytest.mark.needs("corpora", "dovecot"), pytest.mark.xdist_group("corpora")]
OTHERWISE = {
    # Of a repeated field we take the first, Dovecot the last.
    "raw_email_with_multipart_mixed_quoted_boundary.eml": "subject",
    # Syntax errors in an address: Dovecot says SYNTAX_ERROR, or leaves it out; we keep what can be read.
    "weird_to_header.eml": "addresses",
    "00047.3c90d41f59137916d6b80e6f8e16ccba.txt": "addresses",
    "00113.0449844c534e41730bb7a0ab513580e9.txt": "addresses",
    "00135.9996d6845094dcec94b55eb1a828c7c4.txt": "addresses",
    "arf1.eml": "addresses",
    # A Content-Transfer-Encoding with something behind its word: Dovecot says 7bit.
    "content_transfer_encoding_qp_with_space.eml": "encoding",
    "01317.7fc86413a091430c3104b041a6525131.txt": "encoding",
    # A Content-Disposition without a word: Dovecot gives an empty string, we NIL (RFC 9051 §9, body-fld-dsp).
    "missing_content_disposition.eml": "disposition",
    "multiple_invalid_content_dispositions.eml": "disposition",
    # Joined parameters (RFC 2231) come last with us, in another order with Dovecot.
    "msg_33.txt": "order of parameters",
    # Boundaries that begin alike, and none of which is closed.
    "016.eml": "boundaries",
}


@pytest.fixture(scope="module")
def originals() -> list[tuple[str, bytes]]:
    return real_mail.originals()


SECTIONS = [
    "1", "2", "3", "1.1", "1.2", "2.1", "3.1", "1.MIME", "2.MIME", "2.1.MIME", "1.HEADER", "2.HEADER", "2.TEXT", "HEADER", "TEXT",
    "HEADER.FIELDS (From Subject)", "HEADER.FIELDS.NOT (Received)", "3.HEADER.FIELDS (To)",
]  # fmt: skip
LARGE = Limits(inline_octets=100_000_000, response_octets=1_000_000_000)


def frames(octets: Iterator[bytes]) -> Iterator[list[Value]]:
    receiver = Receiver(lambda size: SpooledBody(), LARGE)
    for piece in octets:
        receiver.feed(piece)
        while (frame := receiver.next_frame()) is not None:
            yield parse_values(frame)


@pytest.fixture(scope="module")
def dovecots(originals: list[tuple[str, bytes]], tmp_path_factory: pytest.TempPathFactory) -> list[dict[bytes, Value]]:
    """What Dovecot says of each, by data item."""
    with (
        PrivateDovecot(tmp_path_factory.mktemp("d")) as server,
        socket.create_connection(("127.0.0.1", server.port)) as connection,
    ):
        said = frames(iter(lambda: connection.recv(65536), b""))

        def ask(line: bytes) -> list[list[Value]]:
            connection.sendall(b"x " + line + b"\r\n")
            answers = []
            for values in said:
                if values[0] == b"x":
                    assert values[1] == b"OK", values
                    return answers
                answers.append(values)
            return answers

        ask(b"LOGIN anna secret")
        for _, octets in originals:
            ask(b"APPEND INBOX {%d+}\r\n" % len(octets) + octets)
        ask(b"EXAMINE INBOX")
        items = " ".join(f"BODY.PEEK[{section}]" for section in SECTIONS)
        fetched = ask(f"FETCH 1:* (ENVELOPE BODYSTRUCTURE {items})".encode())
        return [dict(zip(v[3][::2], v[3][1::2], strict=True)) for v in fetched if v[2] == b"FETCH"]


def plain(value: Value) -> Value:
    """Without what says nothing: case, runs of white space, and Dovecot's words for a missing mailbox or host."""
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        value = value.replace(b"MISSING_DOMAIN", b"").replace(b"MISSING_MAILBOX", b"")
        return re.sub(rb"[ \t]+", b" ", value).strip().lower()
    return value


def same(ours: Value, theirs: Value) -> bool:
    """Equal; but that Dovecot counts the line end before the boundary to a message/rfc822 which ends with a multipart (RFC 2046
    §5.1.1 counts it to the boundary)."""
    if not (isinstance(ours, list) and isinstance(theirs, list)):
        return bool(ours == theirs)
    if len(ours) != len(theirs):
        return False
    if ours[:2] == theirs[:2] == [b"message", b"rfc822"] and len(ours) > 9 and int(ours[6]) + 2 == int(theirs[6]):
        assert int(ours[9]) + 1 == int(theirs[9])
        ours, theirs = [*ours[:6], *ours[7:9], *ours[10:]], [*theirs[:6], *theirs[7:9], *theirs[10:]]
    return all(map(same, ours, theirs))


def read(described: bytes) -> Value:
    return plain(next(frames(iter([described + b"\r\n"])))[0])


def test_each_message_is_described_as_dovecot_does(originals, dovecots) -> None:
    assert len(originals) == len(dovecots) > 600
    differing = set()
    for (name, octets), theirs in zip(originals, dovecots, strict=True):
        part = parse_structure(octets)
        if not same(read(envelope(part)), plain(theirs[b"ENVELOPE"])) or not same(
            read(body_structure(part)), plain(theirs[b"BODYSTRUCTURE"])
        ):
            differing.add(name.rpartition("/")[2])
    assert differing == set(OTHERWISE)


def test_each_section_has_the_octets_that_dovecot_gives(originals, dovecots) -> None:
    """But for the line end before a boundary, which Dovecot counts to a part that ends with a multipart, or to its header."""
    differing = set()
    for (name, octets), theirs in zip(originals, dovecots, strict=True):
        root = parse_structure(octets)
        for section in SECTIONS:
            ours = octets_of(parse_section(section.encode()), octets, root) or b""
            told = theirs[f"BODY[{section.upper()}]".encode()] or b""
            if ours.removesuffix(b"\r\n") != told.removesuffix(b"\r\n"):
                differing.add(name.rpartition("/")[2])
    # 016: as above. 011: a part without a body; Dovecot counts the empty line to the boundary, we to the header that it ends.
    assert differing == {"011.eml", "016.eml"}
