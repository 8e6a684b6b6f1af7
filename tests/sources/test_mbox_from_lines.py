"""Where an mbox's messages begin: at ``From`` lines with a date, whatever follows them; and when its messages arrived, by those lines."""

import asyncio
import io
import mailbox as stdlib_mailbox
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bascule.capture import CaptureOptions, capture
from bascule.export import export_mailbox
from bascule.mailbox import Mailbox
from bascule.sources.files import open_files
from bascule.sources.files.from_line import arrival_of, is_dated
from bascule.sources.files.loose import walk_mbox
from bascule.sources.files.mbox import find_messages
from bascule.terms.watch import Watcher
from support import messages, store
from support.command import bascule

DATED = b"From a@example.org Thu Jan  2 10:00:00 2020\n"
FIRST = DATED + b"Subject: first\n\nbody\n\n"
LAST = DATED + b"Subject: last\n\nbody\n"


def contents(octets: bytes) -> list[bytes]:
    return [octets[span.start : span.end] for span in find_messages(io.BytesIO(octets))]


def noted(place: Path) -> tuple[list[bytes], list[str]]:
    """The messages of an import, and its notes."""
    notes: list[str] = []

    class Noting(Watcher):
        def note(self, text: str) -> None:
            notes.append(text)

    root = place.with_name(place.name + ".mailbox")
    with Mailbox.open_or_create(root) as box:
        asyncio.run(capture(open_files("mbox", place), box, CaptureOptions(connections=1), Noting()))
        rows = [row for folder in box.folders.all() for row in box.messages.list(folder.id)]
        return [box.messages.body(row).whole() for row in rows], notes


NASTY = [
    b"",
    b"\n",
    b"no header at all",
    b"From me\n\nFrom: a\n",
    DATED + b"Subject: x\n\nbody",
    b"\nFrom b\nC: d\n\n",
    b"\r\n\r\n",
]

# What begins a message

WITHOUT_A_FIELD = [
    b"\nan empty header\n",
    b"\n",
    b"received by nobody, a broken first line\nSubject: x\n\nbody\n",
    b" \t\nSubject: x\n\nbody\n",
    b">From d@example.org Thu Jan  2 10:00:00 2020\nSubject: x\n\nbody\n",
    b">From d@example.org Thu Jan  2 10:00:00 2020 remote from host\n>From e Thu Jan  2 10:00:00 2020\nSubject: x\n\nbody\n",
    DATED + b"Subject: x\n\nbody\n",
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("content", WITHOUT_A_FIELD)
def test_a_dated_from_line_begins_a_message_whatever_follows(content: bytes, end: bytes) -> None:
    file = (FIRST + DATED + content + b"\n" + LAST).replace(b"\n", end)
    found = [octets.replace(b"\r\n", b"\n") for octets in contents(file)]
    expected = content if content != b"\n" else b"\n"
    assert found == [b"Subject: first\n\nbody\n", expected, b"Subject: last\n\nbody\n"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_dated_from_line_that_the_file_ends_with_begins_an_empty_message(end: bytes) -> None:
    assert contents(FIRST + DATED.rstrip(b"\n") + end) == [b"Subject: first\n\nbody\n", b""]


def test_a_last_line_without_an_end_belongs_to_its_message() -> None:
    assert contents(FIRST + DATED + b"no field") == [b"Subject: first\n\nbody\n", b"no field"]


@pytest.mark.parametrize(
    "line",
    [
        b"From here on, no header", b"From ", b"From MAILER-DAEMON", b"From a@example.org", b"From a@example.org 2020-01-02 10:00:00",
        b"From a@example.org Thu Jan 32 10:00:00 2020", b"From a@example.org Thu Jan  2 25:61:00 2020", b"From a@example.org Thu Jan  2 10:00:00 20",
        b"From Monday to Thu Jan  2 10:00:00 2020", b"From a@example.org Thu Jan  2 10:00:00 2020 he said",
    ],
)  # fmt: skip
@pytest.mark.parametrize("behind", [b"said he\n", b"\nsaid he\n", b">From him\n"])
def test_a_line_without_a_date_is_text_where_no_field_follows(line: bytes, behind: bytes) -> None:
    assert contents(FIRST + line + b"\n" + behind + b"\n" + LAST) == [
        b"Subject: first\n\nbody\n\n" + line + b"\n" + behind,
        b"Subject: last\n\nbody\n",
    ]
    assert len(contents(FIRST + line + b"\nSubject: x\n\n" + LAST)) == 3


def test_other_programs_find_as_many(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(
        FIRST + b"\n".join(DATED + content for content in WITHOUT_A_FIELD[:-1]) + b"\n" + LAST
    )
    assert len(contents((tmp_path / "box").read_bytes())) == len(stdlib_mailbox.mbox(tmp_path / "box")) == 8


def test_an_export_without_its_manifest_has_as_many_messages(tmp_path: Path) -> None:
    store.fill(tmp_path / "a.mailbox", {"INBOX": [*messages.many(4), *NASTY, *NASTY]})
    with Mailbox.open(tmp_path / "a.mailbox", read_only=True) as box:
        exported = export_mailbox(box, tmp_path / "out", "mbox")
    (tmp_path / "out" / "manifest.jsonl").unlink()
    assert len(noted(tmp_path / "out")[0]) == exported == 4 + 2 * len(NASTY)


LINES = [
    DATED, b"From - Thu Jan 02 10:00:00 2020\n", b"From ???@??? Thu Jan 02 10:00:00 2020\n", b"From here on\n", b">From x\n", b"\n", b"\n", b"\r\n", b" \n",
    b"Subject: x\n", b"Content-Length: 5\n", b"X-Mozilla-Status: 0001\n", b"text\n", b"text\r\n",
]  # fmt: skip


def test_every_octet_is_in_one_message_but_what_separates_them(seed: int, soak: bool, tmp_path: Path) -> None:
    chance = random.Random(f"{seed}/from lines")
    file = tmp_path / "box"
    for _ in range(50_000 if soak else 1_500):
        octets = DATED + b"".join(chance.choices(LINES, k=chance.randrange(24))) + chance.choice([b"", b"no end"])
        spans = list(find_messages(io.BytesIO(octets)))
        position = 0
        for span in spans:
            start = span.start - len(span.from_line)
            assert octets[start : span.start] == span.from_line, octets
            assert not octets[position:start].strip(b"\r\n"), octets
            assert start <= span.start <= span.end <= span.next, octets
            position = span.end
        assert not octets[position:].strip(b"\r\n"), octets
        file.write_bytes(octets)
        read = [entry.read() for folder in walk_mbox(file).folders for entry in folder.entries]
        assert len(read) == len(spans), octets


# What is doubtful is told


def test_a_message_that_begins_with_no_header_field_is_told_with_its_place(tmp_path: Path) -> None:
    first = b"Subject: about mbox\n\nA message begins so:\n"
    (tmp_path / "box").write_bytes(DATED + first + b"\n" + DATED + b"and then its header.\n\n" + LAST)
    found, notes = noted(tmp_path / "box")
    assert found == [first, b"and then its header.\n", b"Subject: last\n\nbody\n"]
    [note] = notes
    assert note == (
        "1 message of an mbox begins with no header field, and may be text of the message before it: "
        f"box at octet {len(DATED + first) + 1}."
    )


def test_of_many_messages_without_a_field_the_first_are_named(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "a").write_bytes(FIRST + (DATED + b"\ntext\n\n") * 6)
    (tmp_path / "mail" / "b").write_bytes(FIRST + DATED + b"\ntext\n\n" + LAST)
    [note] = noted(tmp_path / "mail")[1]
    assert note.startswith(
        "7 messages of mboxes begin with no header field, and may be text of the messages before them: a at"
    )
    assert note.count(" at octet ") == 5
    assert note.endswith(", ….")


@pytest.mark.parametrize(
    "octets",
    [
        FIRST + LAST,
        DATED + b"\nthe first message of the file\n\n" + LAST,
        FIRST + DATED + b">From d@example.org Thu Jan  2 10:00:00 2020\nSubject: x\n\nbody\n",
        DATED + b"Subject: x\nContent-Length: 5\n\nbody\n\n" + DATED + b"\nbody of no header\n",
    ],
)
def test_what_is_certain_is_not_told(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(octets)
    assert noted(tmp_path / "box")[1] == []


def test_a_from_line_without_an_empty_line_before_it_is_text_and_is_told(tmp_path: Path) -> None:
    """As where one file was put behind another whose last line did not end, or ended only once."""
    (tmp_path / "box").write_bytes(FIRST[:-1] + DATED + b"Subject: second\n\nbody\n")
    found, notes = noted(tmp_path / "box")
    assert found == [FIRST[len(DATED) : -1] + DATED + b"Subject: second\n\nbody\n"]
    assert notes == [
        "1 line of an mbox looks like the beginning of a message and has no empty line before it, so it was taken as text: "
        f"box at octet {len(FIRST) - 1}."
    ]


# When it arrived

TEN = datetime(2020, 1, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("Thu Jan  2 10:00:00 2020", 10), ("Thu Jan 2 10:00:00 2020", 10), ("Thu Jan 02 10:00 2020", 10),
        ("Thu Jan  2 10:00:00 +0100 2020", 9), ("Thu Jan  2 10:00:00 2020 +0100", 9), ("Thu Jan  2 10:00 2020 -0800", 18),
        ("Thu Jan  2 10:00:00 UTC 2020", 10), ("Thu Jan  2 10:00:00 GMT 2020", 10), ("Thu Jan  2 10:00:00 2020 EST", 15),
        ("Thu Jan  2 10:00:00 CET 2020", 9), ("Thu Jan  2 10:00:00 MET DST 2020", 8), ("Thu Jan  2 10:00:00 CEST 2020", 8),
        ("Thu Jan  2 10:00:00 2020 +0100 (CET)", 9), ("Thu Jan  2 10:00:00 EET DST 2020", 7), ("Thu Jan  2 10:00:00 PST 2020 -0800", 18),
        ("Thu, 2 Jan 2020 10:00:00 +0100", 9), ("Thu, 2 Jan 2020 10:00", 10), ("Thu Jan  2 10:00:00 2020 remote from host", 10),
        ("Thu Jan  2  9:00:00 2020", 9), ("Thu Jan  2 9:00 2020", 9),
    ],
)  # fmt: skip
def test_the_zone_of_a_from_line_is_understood(date: str, hour: int) -> None:
    line = f"From a@example.org {date}\n".encode()
    arrived = arrival_of(line)
    assert is_dated(line)
    assert arrived is not None
    assert datetime.fromtimestamp(arrived.utc_seconds, UTC) == TEN.replace(hour=hour)


@pytest.mark.parametrize("zone", ["BST", "IST", "XYZ", "A", "+9999", "CET EST", "GMT+1"])
@pytest.mark.parametrize("form", ["Thu Jan  2 10:00:00 {} 2020", "Thu Jan  2 10:00:00 2020 {}"])
def test_a_zone_that_means_nothing_or_several_gives_no_date(form: str, zone: str) -> None:
    assert arrival_of(f"From a@example.org {form.format(zone)}\n".encode()) is None


@pytest.mark.parametrize(
    "date", ["Mon Jan  1 00:00:00 1965", "Fri Feb 30 10:00:00 2020", "Thu Jan  2 10:00:00 GMT+01:00 2020"]
)
def test_a_date_that_no_message_can_have_is_none_and_begins_one_all_the_same(date: str) -> None:
    line = f"From - {date}\n".encode()
    assert is_dated(line)
    assert arrival_of(line) is None


def test_where_the_zone_is_not_understood_the_header_says_when(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(
        b"From a@example.org Thu Jan  2 10:00:00 BST 2020\nDate: Wed, 01 Jan 2020 07:00:00 +0000\nSubject: x\n\nbody\n"
    )
    bascule(tmp_path, "import", tmp_path / "box", tmp_path / "m")
    with Mailbox.open(tmp_path / "m", read_only=True) as box:
        [row] = box.messages.list(1)
        assert row.date.to_iso() == "2020-01-01T07:00:00Z"


def test_a_zone_that_is_understood_comes_into_the_mailbox(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(
        b"From a@example.org Thu Jan  2 10:00:00 CET 2020\nDate: Wed, 01 Jan 2020 07:00:00 +0000\nSubject: x\n\nbody\n"
    )
    bascule(tmp_path, "import", tmp_path / "box", tmp_path / "m")
    with Mailbox.open(tmp_path / "m", read_only=True) as box:
        [row] = box.messages.list(1)
        assert row.date.to_iso() == "2020-01-02T09:00:00Z"


@pytest.mark.parametrize(
    "sender", [b"a@example.org", b'"a b"@example.org', b"a at example.org", b"", b"-", b"???@???", b"1234567890@xxx", b"host!user"]
)  # fmt: skip
def test_a_sender_is_written_in_many_ways(sender: bytes) -> None:
    assert is_dated(b"From " + sender + b" Thu Jan  2 10:00:00 2020\n")
    assert is_dated(b"From " + sender + b"  Thu Jan  2 10:00:00 2020\r\n")


def test_a_long_line_is_no_from_line() -> None:
    assert not is_dated(b"From " + b'"\\' * 2**20 + b" Thu Jan  2 10:00:00 2020\n")


def test_no_line_takes_long_to_look_at() -> None:
    blanks = b" " * 300
    begun = time.perf_counter()
    for _ in range(100):
        assert not is_dated(b"From a" + blanks + b"Thu" + blanks + b"Jan" + blanks + b"2\n")
        assert not is_dated(b"From" + b" a at" * 150 + b"\n")
    assert time.perf_counter() - begun < 1
