"""What lies in a mailbox never becomes a response: names, keywords and subjects out of archives, files and other servers."""

import sqlite3

import pytest

from bascule.mailbox.live import LiveMailbox
from bascule.terms.folder import FolderPath
from support.dialogue import Dialogue
from support.hostile import HOSTILE, Reader

LINE = "* BYE written by a folder"


def raw(client: Dialogue, command: bytes) -> bytes:
    """All that is answered, octet by octet."""
    client.send(b"z9 " + command + b"\r\n")
    octets = b""
    while b"\r\nz9 " not in octets or not octets.endswith(b"\r\n"):
        octets += client.socket.recv(65536)
    return octets


@pytest.mark.parametrize("enable", ["", "IMAP4rev2", "UTF8=ACCEPT"])
def test_a_folder_of_any_name_is_listed_as_one(connect, mailbox_file, enable: str) -> None:
    connect("INBOX").ok("NOOP")
    names = ["\x1b[31m", f"a\r\n{LINE}", 'a"b\\', "a\x00b", "half", "{3+}", "été", "x" * 1200]
    with LiveMailbox.open(mailbox_file) as box:
        for name in names:
            box.folders.create(FolderPath((name,)), 1_600_000_000)
    with sqlite3.connect(mailbox_file / "catalogue.sqlite") as catalogue:
        path = ("UPDATE folders SET path = ? WHERE path = ?", ('["half \\ud83d"]', '["half"]'))
        assert catalogue.execute(*path).rowcount == 1
    client = connect("", enable=enable)
    reader = Reader(raw(client, b'LIST "" *'), utf8=bool(enable))
    for _ in range(5 + len(names)):
        reader.take(rb'\* LIST \([^)]*\) "/" ')
        assert isinstance(reader.value(), bytes)
        reader.take(b"\r\n")
    reader.take(rb"z9 OK [^\r\n]*\r\n")
    assert reader.is_at_end


def test_keywords_that_are_none_are_not_told(connect, mailbox_file) -> None:
    client = connect("INBOX")
    client.ok("APPEND INBOX (fine other) {4+}\r\nx: y")
    with sqlite3.connect(mailbox_file / "catalogue.sqlite") as catalogue:
        names = "fine other"
        for value in HOSTILE:
            names += " " + value.decode("latin-1").replace(" ", "")
        assert catalogue.execute("UPDATE flagsets SET names = ? WHERE names = 'fine other'", (names,)).rowcount == 1
    client = connect("INBOX")
    for asked in ("FETCH 1 FLAGS", "FETCH 1 (FLAGS UID RFC822.SIZE)", "FETCH 1 (UID FLAGS)"):
        (line,) = client.ok(asked).lines
        reader = Reader(line.removeprefix(b"* 1 FETCH "), utf8=False)
        (told,) = [value for value in reader.value() if isinstance(value, list)]  # type: ignore[attr-defined]
        assert {b"fine", b"other", b"a"} <= set(told)


def test_a_mail_with_nul_in_its_header_is_described_as_one(connect) -> None:
    client = connect("INBOX")
    octets = b'Subject: a\0b\r\nFrom: "x\0y" <a\0@b.c>\r\nContent-Type: text/plain; name="n\0m"\r\n\r\nx\r\n'
    client.send(b"a1 APPEND INBOX () ~{%d+}\r\n%b\r\n" % (len(octets), octets))
    assert client.end(b"a1").status == "OK"
    reader = Reader(raw(client, b"FETCH 1 (ENVELOPE BODYSTRUCTURE)"), utf8=False)
    reader.take(rb"\* 1 FETCH ")
    told = reader.value()
    reader.take(rb"\r\nz9 OK [^\r\n]*\r\n")
    assert told[1][1] == b"ab"  # type: ignore[index]


def test_the_text_of_a_refusal_stays_one_line(connect) -> None:
    client = connect("INBOX")
    for name in ("[ALERT]", "x\x1b[31m", "a&AA0ACg-b"):
        reply = client.no(f'SELECT "{name}"')
        assert reply.code in ("", "NONEXISTENT", "CANNOT")
        assert reply.text.isprintable()
