"""An mbox whose messages have a Content-Length (mboxcl2): it says where they end, as far as it fits."""

import io
import shutil
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox
from bascule.sources.files.mbox import find_messages
from support import reference
from support.command import bascule
from support.dovecot import PrivateDovecot

INNER = b"forwarded:\n\nFrom bob@example.org Mon Jan  6 10:00:00 2020\nSubject: inner\n\n>From a quoted line\nend\n"


def message(body: bytes, length: int | None = -1, behind: bytes = b"\n") -> bytes:
    """``length``: None for none; -1 for what is true."""
    field = b"" if length is None else b"Content-Length: %d\n" % (len(body) if length == -1 else length)
    return b"From a@b Sat Feb  1 10:00:00 2020\nSubject: one\n" + field + b"\n" + body + behind


def bodies(octets: bytes) -> list[bytes]:
    """Of every message, from the empty line after its header."""
    spans = find_messages(io.BytesIO(octets))
    return [octets[span.start : span.end].replace(b"\r\n", b"\n").partition(b"\n\n")[2] for span in spans]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("body", [INNER, b"", b"\n", b"a\n\n\n", b"From x\n"])
def test_a_message_ends_where_its_length_says(body: bytes, end: bytes) -> None:
    written = body.replace(b"\n", end)
    one = message(written, behind=end)
    assert bodies(one + one + message(b"last\n")) == [body, body, b"last\n"]
    assert bodies(message(b"first\n") + one) == [b"first\n", body]


@pytest.mark.parametrize("behind", [b"\n", b"\n\n"])
def test_a_last_line_that_does_not_end_stays_so(behind: bytes) -> None:
    assert bodies(message(b"no end", behind=behind) * 2) == [b"no end"] * 2
    assert bodies(message(b"no end", behind=b"")) == [b"no end"]


@pytest.mark.parametrize("length", [0, 5, len(INNER) - 2, len(INNER) + 2, len(INNER) + 10_000, 10**14, None])
def test_a_length_that_does_not_fit_is_not_believed(length: int | None) -> None:
    found = bodies(message(b"first\n") + message(INNER, length) + message(b"last\n"))
    assert found == [b"first\n", b"forwarded:\n", b">From a quoted line\nend\n", b"last\n"]


def test_in_a_file_whose_writer_writes_none_a_sender_s_length_takes_nobody_else_s_message_in() -> None:
    others = message(b"of another\n", None)
    forged = message(b"text\n", len(b"text\n\n" + others) - 1)
    assert bodies(others + forged + others) == [b"of another\n", b"text\n", b"of another\n"]


def test_what_is_not_quoted_is_not_unquoted(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(message(INNER) + message(b">From here\n", None))
    bascule(tmp_path, "import", tmp_path / "box", tmp_path / "m")
    with Mailbox.open(tmp_path / "m") as box:
        [folder] = box.folders.all()
        read = [box.messages.body(row).whole() for row in box.messages.list(folder.id)]
    assert [one.partition(b"\n\n")[2] for one in read] == [INNER, b"From here\n"]


@pytest.mark.needs("dovecot")
def test_the_mbox_of_a_server_gives_the_messages_that_it_shows(tmp_path: Path) -> None:
    sent = [
        b"Subject: evil\r\n\r\n" + INNER.replace(b"\n", b"\r\n"),
        b"Subject: two\r\n\r\nno end",
        b"Subject: three\r\n\r\nend\r\n",
    ]
    with PrivateDovecot(tmp_path / "d", format="mbox") as server:
        reference.append(server.port, "anna", "INBOX", sent)
        shutil.copy(next((server.root / "mail").rglob("inbox")), tmp_path / "inbox")
    bascule(tmp_path, "import", tmp_path / "inbox", tmp_path / "m")
    with Mailbox.open(tmp_path / "m") as box:
        [folder] = box.folders.all()
        read = [box.messages.body(row).whole() for row in box.messages.list(folder.id)]
    shown = [one.replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip(b"\n") for one in sent]
    assert [one.partition(b"\n\n")[2].rstrip(b"\n") for one in read] == shown
