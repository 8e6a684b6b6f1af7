"""What leaves is what a server reads: the same message, however it was cut on the way."""

import pytest

from bascule.protocols.smtp import SmtpReceiver
from bascule.protocols.smtp.lines import with_crlf, with_dots

LINES = [
    (b"", b""),
    (b"a\r\n", b"a\r\n"),
    (b"a", b"a\r\n"),
    (b"a\r\n\r\n\r\n", b"a\r\n\r\n\r\n"),
    (b"a\rb\nc\r\nd", b"a\r\nb\r\nc\r\nd\r\n"),
    (b"a\r\r\nb\n\rc\n\n", b"a\r\n\r\nb\r\n\r\nc\r\n\r\n"),
    (b"a\r", b"a\r\n"),
    (b".\r\n..\r\n.x\r\n", b".\r\n..\r\n.x\r\n"),
    (b"a\r.\rQUIT\r", b"a\r\n.\r\nQUIT\r\n"),
    (b"a\n.\nb\n.\r\nc", b"a\r\n.\r\nb\r\n.\r\nc\r\n"),
]


def cuts(octets: bytes) -> list[list[bytes]]:
    """Whole, octet by octet, and in two at each place."""
    by_octet = [octets[place : place + 1] for place in range(len(octets))]
    return [[octets], by_octet, *([octets[:place], octets[place:]] for place in range(len(octets) + 1))]


@pytest.mark.parametrize(("written", "sent"), LINES)
def test_lines_end_with_crlf(written: bytes, sent: bytes) -> None:
    for pieces in cuts(written):
        assert b"".join(with_crlf(pieces)) == sent


@pytest.mark.parametrize(("_", "sent"), LINES)
def test_a_server_reads_what_was_sent_and_its_end(_: bytes, sent: bytes) -> None:
    for pieces in cuts(sent):
        receiver, taken = SmtpReceiver(), bytearray()
        receiver.feed(b"".join(with_dots(pieces)) + b"QUIT\r\n")
        assert receiver.take_message(taken.extend)
        assert bytes(taken) == sent
        assert receiver.next_line() == b"QUIT"
