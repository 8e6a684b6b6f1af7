"""A Maildir as Courier keeps it: keywords and subscriptions come along, and its own files are no mail that was passed over."""

import shutil
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox
from sources.test_nothing_in_silence import maildir, take_in, write
from support import messages, reference
from support.command import bascule
from support.courier import PrivateCourier


def kept(root: Path) -> tuple[dict[str, list[set[str]]], set[str]]:
    """Flags of each folder's messages, and which folders are subscribed."""
    with Mailbox.open(root) as box:
        folders = box.folders.all()
        flags = {f.path.display(): [set(row.flags) for row in box.messages.list(f.id)] for f in folders}
        return flags, {folder.path.display() for folder in folders if folder.subscribed}


def test_keywords_of_the_list_and_those_that_changed_since(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".", ".Sent")
    for number in (2, 3, 4):
        write(root / f".Sent/cur/{number}.b:x:2,", messages.plain(number))
    within = root / ".Sent/courierimapkeywords"
    write(within / ":list", b"projet\n$Forwarded\n\n1.a:1 0\n2.b:x:0\n3.b:x:0 7 x\n")
    write(within / "3.b:x", b"neu\n")
    write(within / ".5986295.2.b:x", b"old\n")
    taken = take_in(root)
    assert kept(tmp_path / "Maildir.mailbox")[0]["Sent"] == [
        {"\\Seen", "$Forwarded", "projet"},
        {"projet"},
        {"neu"},
        set(),
    ]
    assert (taken.notes, taken.folders) == ([], {})


def test_folders_are_subscribed_as_courier_lists_them(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".", ".Sent", ".A.B", ".Hidden")
    write(root / "courierimapsubscribed", b"INBOX.Sent\nINBOX.A.B\n")
    take_in(root)
    assert kept(tmp_path / "Maildir.mailbox")[1] == {"INBOX", "Sent", "A/B"}


@pytest.mark.needs("courier")
def test_the_maildir_of_a_courier(tmp_path: Path) -> None:
    with PrivateCourier() as server:
        reference.append(server.port, "anna", "INBOX", [messages.plain(1)], "\\Seen projet $Forwarded")
        shutil.copytree(next(place.parent for place in Path(server.root).rglob("cur")), tmp_path / "Maildir")
    done = bascule(tmp_path, "import", tmp_path / "Maildir", tmp_path / "m")
    assert kept(tmp_path / "m")[0]["INBOX"] == [{"\\Seen", "projet", "$Forwarded"}]
    assert "passed over" not in done.stderr
