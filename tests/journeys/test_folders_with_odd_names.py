"""Folders with odd names, between servers that name folders differently: each arrives as a folder of its own, and a second run adds nothing."""

import imaplib
from pathlib import Path

import pytest

from support import messages, reference
from support.command import bascule, report_of
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot

ODD = {b"INBOX": 2, b"R&-D": 3, b"Archive": 1, b"archive": 4, b"caf&AOk-": 3, b"a.b": 1, b"a_b": 2, b"50% *": 1}


def fill(port: int, folders: dict[bytes, int]) -> None:
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login("anna", "secret")
        for raw, number in folders.items():
            client.create(b'"%b"' % raw)
            for octets in messages.many(number):
                assert client.append(b'"%b"' % raw, "", '"01-Feb-2020 10:00:00 +0000"', octets)[0] == "OK"  # type: ignore[arg-type]


def folders_of(port: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, number in reference.read_mailbox(port, "anna").items():
        found[key[0]] = found.get(key[0], 0) + number
    return found


@pytest.mark.needs("dovecot")
@pytest.mark.parametrize(("prefix", "separator"), [("", "/"), ("INBOX.", ".")])
@pytest.mark.parametrize("below", ["", "Old/"])
def test_between_dovecots(prefix: str, separator: str, below: str, tmp_path: Path) -> None:
    with (
        PrivateDovecot(tmp_path / "old") as old,
        PrivateDovecot(tmp_path / "new", prefix=prefix, separator=separator) as new,
    ):
        fill(old.port, ODD)
        there = folders_of(old.port)
        words = ["copy", old.url("anna"), new.url("anna"), "--json", *(["--prefix", below] if below else [])]
        plan = bascule(tmp_path, *words, "--dry-run").stdout
        report = report_of(bascule(tmp_path, *words))
        assert report["totals"]["found"] == report["totals"]["delivered"] == sum(there.values())
        arrived = folders_of(new.port)
        assert sorted(arrived.values()) == sorted(there.values())
        start = f"{prefix}{below}".replace("/", separator)
        assert all(name == "INBOX" or name.startswith(start.replace(".", "/")) for name in arrived)
        assert {f["folder"]: f["target"] for f in report["folders"]}["R&D"] == f"{start}R&D"
        assert f"R&D → {start}R&D  (to be made)" in plan
        again = report_of(bascule(tmp_path, *words))
        assert again["totals"]["delivered"] == sum(there.values())
        assert folders_of(new.port) == arrived
        verified = bascule(
            tmp_path, "verify", old.url("anna"), new.url("anna"), *(["--prefix", below] if below else [])
        )
        assert f"{sum(there.values())} of {sum(there.values())} messages are equal" in verified.stdout


@pytest.mark.needs("cyrus")
@pytest.mark.parametrize("internal", [False, True])
def test_into_cyrus(internal: bool, tmp_path: Path) -> None:
    with PrivateDovecot(tmp_path / "old") as old, PrivateCyrus(["anna"], internal_names=internal) as new:
        fill(old.port, ODD)
        there = folders_of(old.port)
        words = ["copy", old.url("anna"), f"imap://anna@127.0.0.1:{new.port}", "--json", "--prefix", "Old"]
        report = report_of(bascule(tmp_path, *words))
        assert report["totals"]["delivered"] == sum(there.values())
        arrived = folders_of(new.port)
        assert sorted(arrived.values()) == sorted(there.values())
        assert sum("Old" in name for name in arrived) == len(arrived) - 1
        bascule(tmp_path, *words)
        assert folders_of(new.port) == arrived
