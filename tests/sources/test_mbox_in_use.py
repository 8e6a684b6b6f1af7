"""An mbox that a mail program goes on using: it writes flags into it, takes messages out of it, and does so while it is read."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bascule.capture import CaptureOptions, capture
from bascule.mailbox import Mailbox, check
from bascule.sources.contract import FolderError
from bascule.sources.files import open_files
from bascule.sources.files.mbox import find_messages
from bascule.terms.watch import Watcher

REWRITTEN = "its file was changed while it was read; the next run reads it again"
BODY = b"\n\nbody\n"


def letter(number: int, fields: bytes = b"", line: bytes = b"From a@b Thu Jan  2 10:00:00 2020\n") -> bytes:
    return line + fields + b"From: a@example.org\nSubject: number %d%s" % (number, BODY)


def take_in(file: Path, root: Path, watcher: Watcher | None = None) -> None:
    with Mailbox.open_or_create(root) as box:
        asyncio.run(capture(open_files("mbox", file), box, CaptureOptions(connections=1), watcher or Watcher()))


def held(root: Path) -> list[tuple[bytes, list[str]]]:
    """(what stands behind “number”, flags) of each message, in their order."""
    with Mailbox.open(root, read_only=True) as box:
        rows = [row for folder in box.folders.all() for row in box.messages.list(folder.id)]
        return [(box.messages.body(row).whole().partition(b"number ")[2], sorted(row.flags)) for row in rows]


# While it is read


async def _read_with_change(file: Path, change: Callable[[], None]) -> tuple[list[bytes], str]:
    """What was read before the change and after it, and what the folder is said to be then."""
    source = open_files("mbox", file)
    [folder] = await source.folders()
    reader, read = await source.reader(), []
    survey = await reader.open(folder, None)
    try:
        async for group in reader.read(survey.uids):
            read += [message.body.whole().partition(b"number ")[2] for message in group]
            change()
    except FolderError as error:
        return read, str(error)
    return read, ""


NUMBERS = range(100, 400)


def _compacted(file: Path) -> None:
    """A new file under the same name, as Thunderbird and mutt write it."""
    new = file.with_name("new")
    new.write_bytes(b"".join(letter(n) + b"\n" for n in NUMBERS if n != 100))
    os.replace(new, file)


def _marked(file: Path) -> None:
    file.write_bytes(b"".join(letter(n, b"Status: RO\n" if n == 101 else b"") + b"\n" for n in NUMBERS))


def _cut(file: Path) -> None:
    os.truncate(file, 150 * len(letter(100) + b"\n") + 20)


@pytest.mark.parametrize("change", [_compacted, _marked, _cut])
def test_an_mbox_that_is_rewritten_while_it_is_read_gives_no_message_that_it_does_not_hold(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    file = tmp_path / "Inbox"
    file.write_bytes(b"".join(letter(n) + b"\n" for n in NUMBERS))
    read, says = asyncio.run(_read_with_change(file, lambda: change(file)))
    assert says == REWRITTEN
    assert 100 <= len(read) < 300
    assert read == [b"%d" % n + BODY for n in NUMBERS][: len(read)]


def test_mail_that_arrives_while_an_mbox_is_read_does_not_stop_the_reading(tmp_path: Path) -> None:
    file = tmp_path / "Inbox"
    file.write_bytes(b"".join(letter(n) + b"\n" for n in NUMBERS))

    def arrive() -> None:
        with file.open("ab") as opened:
            opened.write(letter(999) + b"\n")

    read, says = asyncio.run(_read_with_change(file, arrive))
    assert (len(read), says) == (300, "")


def test_what_was_read_before_an_mbox_changed_is_kept_and_the_next_run_is_exact(tmp_path: Path) -> None:
    file, root, numbers = tmp_path / "Inbox", tmp_path / "m", range(1000, 2000)
    file.write_bytes(b"".join(letter(n) + b"\n" for n in numbers))

    class Removing(Watcher):
        seen = 0

        def done(self, messages: int, octets: int) -> None:
            self.seen += messages
            if self.seen == 800:
                (tmp_path / "new").write_bytes(b"".join(letter(n) + b"\n" for n in numbers[1:]))
                os.replace(tmp_path / "new", file)

    take_in(file, root, Removing())
    with Mailbox.open(root, read_only=True) as box:
        assert [folder.error for folder in box.folders.all()] == [REWRITTEN]
    assert [body for body, _ in held(root)] == [b"%d" % n + BODY for n in numbers[:500]]
    take_in(file, root)
    assert [body for body, _ in held(root)] == [b"%d" % n + BODY for n in numbers[1:]]
    assert check(root) == []


# Between two runs

WRITTEN = {
    "mutt": (b"", b"Status: RO\nContent-Length: 5\nLines: 1\n"),
    "Alpine": (b"Status: O\nX-Status: \nX-Keywords: \n", b"Status: RO\nX-Status: \nX-Keywords: work\nX-UID: 7\n"),
    "Dovecot": (b"X-IMAPbase: 1 2\nX-UID: 1\nStatus: O\n", b"X-IMAPbase: 1 9 work\n\tplay\nX-UID: 1\nStatus: RO\nX-Keywords: work\n"),
    "Thunderbird": (
        b"X-Mozilla-Status: 0000\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys:      \n",
        b"X-Mozilla-Status: 0001\nX-Mozilla-Status2: 10000000\nX-Mozilla-Keys: work \n",
    ),
    "Evolution": (b"X-Evolution: 00000001-0010\n", b"X-Evolution: 00000001-0011\nStatus: RO\n"),
}  # fmt: skip


@pytest.mark.parametrize("program", WRITTEN)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_message_that_was_read_since_is_the_same_message(program: str, end: bytes, tmp_path: Path) -> None:
    file, root = tmp_path / "Inbox", tmp_path / "m"
    for fields in WRITTEN[program]:
        file.write_bytes((letter(1, fields) + b"\n" + letter(2, fields) + b"\n").replace(b"\n", end))
        take_in(file, root)
    with Mailbox.open(root, read_only=True) as box:
        assert box.database.execute("SELECT count(*) FROM messages").fetchone() == (2,)
        bodies = [box.messages.body(row).whole() for row in box.messages.list(1)]
    assert bodies[0] == (letter(1).partition(b"\n")[2]).replace(b"\n", end)
    assert ["\\Seen" in flags for _, flags in held(root)] == [True, True]


def test_what_the_body_quotes_stays(tmp_path: Path) -> None:
    file, root = tmp_path / "Inbox", tmp_path / "m"
    file.write_bytes(
        b"From a@b Thu Jan  2 10:00:00 2020\nSubject: number 1\nStatus: RO\n\nStatus: RO\nLines: 3\n\nX-UID: 1\n"
    )
    take_in(file, root)
    assert held(root) == [(b"1\n\nStatus: RO\nLines: 3\n\nX-UID: 1\n", ["\\Seen"])]


def test_a_header_that_is_longer_than_what_is_looked_at_is_read_too(tmp_path: Path) -> None:
    file, root = tmp_path / "Inbox", tmp_path / "m"
    long = b"X-Long: " + b"x\n " * 50_000 + b"x\n"
    file.write_bytes(letter(1, long + b"Status: RO\n") + b"\n" + letter(2))
    take_in(file, root)
    assert [body for body, _ in held(root)] == [b"1" + BODY, b"2" + BODY]
    with Mailbox.open(root, read_only=True) as box:
        assert b"Status" not in box.messages.body(next(box.messages.list(1))).whole()


class _Notes(Watcher):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_thunderbird_has_deleted_is_no_mail_any_more_and_is_told(tmp_path: Path) -> None:
    file, root, notes = tmp_path / "Inbox", tmp_path / "m", _Notes()
    account = b"X-Account-Key: account1\nX-UIDL: 77\n"
    file.write_bytes(
        letter(1, b"X-Mozilla-Status: 0001\n")
        + b"\n"
        + letter(2, account + b"X-Mozilla-Status: 0009\n")
        + b"\n"
        + letter(3, b"X-Mozilla-Status: 0008\n")
    )
    take_in(file, root, notes)
    assert [body for body, _ in held(root)] == [b"1" + BODY]
    assert notes.notes == [
        "2 messages that Thunderbird has deleted or moved elsewhere, and not removed from its file yet, were left out."
    ]


def test_a_sender_can_not_have_a_message_left_out_or_put_elsewhere(tmp_path: Path) -> None:
    file, root = tmp_path / "Inbox", tmp_path / "m"
    file.write_bytes(
        letter(1, b"Received: from there\nX-Mozilla-Status: 0009\n") + b"\n" + letter(2, b"X-Gmail-Labels: Trash\n")
    )
    take_in(file, root)
    assert held(root) == [(b"1" + BODY, ["\\Seen"]), (b"2" + BODY, [])]


def test_labels_that_changed_between_two_takeouts_make_no_second_message(tmp_path: Path) -> None:
    file, root = tmp_path / "All mail.mbox", tmp_path / "m"
    for labels in (b"Inbox,Unread", b"Inbox,Opened,\n Important"):
        file.write_bytes(
            letter(
                1, b"X-GM-THRID: 1\nX-Gmail-Labels: " + labels + b"\n", b"From 17@xxx Thu Jan 02 10:00:00 +0000 2020\n"
            )
        )
        take_in(file, root)
    assert held(root) == [(b"1" + BODY, ["\\Seen"])]
    with Mailbox.open(root, read_only=True) as box:
        assert box.database.execute("SELECT count(*) FROM messages").fetchone() == (1,)


# Programs that write no empty line between messages


def spans(tmp_path: Path, octets: bytes) -> int:
    (tmp_path / "box").write_bytes(octets)
    with (tmp_path / "box").open("rb") as file:
        return sum(1 for _ in find_messages(file))


@pytest.mark.parametrize(
    ("line", "fields"),
    [(b"From ???@??? Thu Jan 02 10:00:00 2020\n", b""), (b"From - Thu Jan 02 10:00:00 2020\n", b"X-Mozilla-Status: 0001\n")],
)  # fmt: skip
def test_an_mbox_without_empty_lines_is_cut_where_its_program_cuts_it(
    line: bytes, fields: bytes, tmp_path: Path
) -> None:
    file, root = tmp_path / "In.mbx", tmp_path / "m"
    file.write_bytes(b"".join(letter(n, fields, line) for n in range(3)).replace(b"\n", b"\r\n"))
    take_in(file, root)
    assert [body.replace(b"\r\n", b"\n") for body, _ in held(root)] == [b"%d" % n + BODY for n in range(3)]


def test_a_line_in_a_message_that_looks_like_another_s_beginning_does_not_cut_it(tmp_path: Path) -> None:
    usual, eudora = letter(1), b"From ???@??? Thu Jan 02 10:00:00 2020\n"
    assert spans(tmp_path, usual + letter(2, line=eudora)) == 1
    assert spans(tmp_path, usual + letter(2)) == 1
    assert spans(tmp_path, letter(1, line=eudora) + eudora + b"said he\n") == 1
    assert (
        spans(
            tmp_path,
            letter(1, line=b"From - Thu Jan 02 10:00:00 2020\n") + letter(2, line=b"From - Thu Jan 02 10:00:00 2020\n"),
        )
        == 1
    )
