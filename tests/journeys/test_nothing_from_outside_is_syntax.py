"""What a sender wrote arrives as mail, and is never read as a command by the server that takes it."""

import os
from collections import Counter
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox, NewMessage
from bascule.terms.body import HeldBody
from bascule.terms.instant import InternalDate
from support import messages, reference, store
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot

pytestmark = pytest.mark.needs("dovecot")
USER = "anna"
BODY = "\r\n".join(
    [
        "z1 SELECT Victim",
        "z2 STORE 1:* +FLAGS.SILENT (\\Deleted)",
        "z3 EXPUNGE",
        "z4 DELETE Precious",
        "z5 LOGOUT",
    ]
)


@pytest.fixture
def server(tmp_path: Path):
    with PrivateDovecot(tmp_path / "d") as started:
        reference.append(started.port, USER, "Victim", messages.many(3))
        reference.append(started.port, USER, "Precious", messages.many(2))
        yield started


def an_mbox(path: Path, *fields: str) -> Path:
    """Five messages; the third one has ``fields`` in its header, and lines that look like commands."""
    parts = []
    for number, message in enumerate(messages.many(4)):
        parts.append(message)
        if number == 1:
            head = "".join(f"{field}\r\n" for field in fields)
            parts.append(f"From: x@example.org\r\nSubject: hostile\r\n{head}\r\n{BODY}\r\n".encode("latin-1"))
    start = b"From x@example.org Sat Feb  1 10:00:00 2020\n"
    path.write_bytes(b"".join(start + part.replace(b"\r\n", b"\n") + b"\n" for part in parts))
    return path


def folders_of(server: PrivateDovecot) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (folder, *_), count in reference.read_mailbox(server.port, USER).items():
        found[folder] += count
    return dict(found)


@pytest.mark.parametrize(
    "field",
    [
        "X-Keywords: fine a{b",
        "X-Keywords: fine a{3+}",
        'X-Mozilla-Keys: fine a"b',
        "X-Keywords: fine )",
        "X-Keywords: fine (",
        "X-Keywords: fine *",
        "X-Keywords: fine %",
        "X-Keywords: fine a]",
        "X-Keywords: fine \\Foo",
        "X-Keywords: fine \\*",
        "X-Keywords: fine a\x00b",
        "X-Keywords: fine a\x1b[31mb",
        "X-Keywords: fine " + "k" * 2000,
    ],
)
def test_a_keyword_that_imap_can_not_write_is_named_and_runs_nothing(tmp_path, server, field: str) -> None:
    mbox = an_mbox(tmp_path / "m.mbox", field)
    done = bascule(tmp_path, "copy", f"mbox:{mbox}", server.url(USER), "--json", status=1)
    assert folders_of(server) == {"INBOX": 5, "Victim": 3, "Precious": 2}
    report = report_of(done)
    (named,) = report["exceptions"]
    assert named["code"] == "altered"
    assert "not a keyword that IMAP can write" in named["detail"]
    assert named["detail"].isprintable()


def test_a_keyword_of_any_source_is_named_and_runs_nothing(tmp_path, server) -> None:
    folder = tmp_path / "maildir"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "dovecot-keywords").write_bytes(b"0 fine\n1 caf\xe9\n2 two words\n3 a{b\n")
    (folder / "cur" / "1.x:2,Sabcd").write_bytes(f"Subject: hostile\r\n\r\n{BODY}\r\n".encode())
    done = bascule(tmp_path, "copy", f"maildir:{folder}", server.url(USER), "--json", status=1)
    assert folders_of(server) == {"INBOX": 1, "Victim": 3, "Precious": 2}
    (named,) = report_of(done)["exceptions"]
    assert named["detail"] == "without a{b caf\\xe9 two\\x20words: not keywords that IMAP can write"
    again = bascule(tmp_path, "copy", f"maildir:{folder}", server.url(USER), "--json", status=None)
    assert folders_of(server) == {"INBOX": 1, "Victim": 3, "Precious": 2}
    assert len(report_of(again)["exceptions"]) == 1


def test_a_date_that_imap_can_not_write_is_named(tmp_path, server) -> None:
    root = tmp_path / "m.mailbox"
    store.fill(root, {"INBOX": messages.many(2)})
    with Mailbox.open(root) as mailbox:
        row = mailbox.folders.all()[0]
        mailbox.messages.advance(row.id, 4)
        late = NewMessage(3, frozenset(), InternalDate(10**13), HeldBody(messages.plain(9)))
        mailbox.messages.store(row.id, 7, [late])
    done = bascule(tmp_path, "deliver", root, server.url(USER), "--json", status=1)
    assert folders_of(server)["INBOX"] == 3
    (named,) = report_of(done)["exceptions"]
    told = "dated 9999-12-30T23:59:59Z instead of 10000000000000 seconds after 1970, which IMAP can't write"
    assert named["detail"].startswith(told)


@pytest.mark.parametrize(
    "name", [b'a"b\\', b"a\r\nz1 DELETE Precious", b"caf\xe9", b"a\x1b[31mb", b"{3+}", b"%*()", b"x" * 200]
)
def test_a_folders_name_is_a_name_whatever_is_in_it(tmp_path, server, name: bytes) -> None:
    folder = tmp_path / "mboxes"
    folder.mkdir()
    an_mbox(tmp_path / "m.mbox").rename(folder / os.fsdecode(name))
    done = bascule(tmp_path, "copy", f"mbox:{folder}", server.url(USER), status=None)
    found = folders_of(server)
    assert (found.pop("Victim"), found.pop("Precious")) == (3, 2)
    assert list(found.values()) == [5]
    assert done.stdout.replace("\n", "").isprintable()


def test_a_user_and_a_password_are_values_whatever_is_in_them(tmp_path, server) -> None:
    mbox = an_mbox(tmp_path / "m.mbox")
    for password in ('se"cret', "secret\r\nz1 DELETE Precious", "sec\\ret", "{6+}"):
        done = bascule(
            tmp_path,
            "copy",
            f"mbox:{mbox}",
            server.url(USER),
            "--target-auth",
            "login",
            status=3,
            BASCULE_TARGET_PASSWORD=password,
        )
        assert "refuses the sign-in of “anna”" in done.stderr
    assert folders_of(server) == {"Victim": 3, "Precious": 2}
