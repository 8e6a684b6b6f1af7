"""A hand-over or a taking over that is cut off before any of its steps, while mail comes: done again, all of the mail is there, once."""

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bascule.mailbox import Mailbox, check
from bascule.mailbox.format import MailboxError
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.mailbox.lock import take_lock
from bascule.platform import handing_over, mailboxes
from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.handing_over import hand_over, take_back, take_over
from bascule.platform.mailboxes import Mailboxes
from bascule.terms.body import HeldBody
from bascule.terms.errors import BasculeError
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate

ANNA = "anna@example.org"
STEPS_AT_MOST = 40


class Crash(BaseException):
    """Nothing after it is done."""


class Node:
    def __init__(self, data: Path) -> None:
        self.data = data
        (data / "run").mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def accounts(self) -> Iterator[EmbeddedAccounts]:
        with contextlib.closing(EmbeddedAccounts(self.data / "accounts.sqlite")) as accounts:
            yield accounts

    def receive(self, subject: str) -> list[str]:
        """As a server process would: what was kept."""
        with self.accounts() as accounts:
            account = accounts.find(ANNA)
        if account is None:
            return []
        with contextlib.closing(Mailboxes(self.data / "mailboxes")) as boxes:
            try:
                with boxes.using(account.id) as box:
                    inbox = box.folders.find(INBOX)
                    assert inbox is not None
                    mail = HeldBody(b"Subject: %b\r\n\r\n" % subject.encode())
                    box.messages.append(inbox.id, [Arriving(mail, frozenset(), InternalDate(0))])
            except MailboxError:
                return []
        return [subject]

    def hand_over(self, folder: Path) -> None:
        with self.accounts() as accounts:
            account = accounts.find(ANNA)
            assert account is not None
            hand_over(self.data, accounts, account, folder, lambda text: None)

    def take_over(self, folder: Path) -> None:
        with self.accounts() as accounts:
            take_over(self.data, accounts, folder)

    def held(self) -> list[str]:
        [place] = (self.data / "mailboxes").glob("*.mailbox")
        assert check(place) == []
        with LiveMailbox.open(place) as box:
            return sorted(
                header.subject for folder in box.folders.all() for header in box.reading.headers(folder.id).values()
            )


@contextlib.contextmanager
def crash_before(step: int) -> Iterator[None]:
    """Of the calls that leave something on the disk, the one of that number is not made, nor any after it."""
    number = 0

    def stepping(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:
            nonlocal number
            number += 1
            if number > step:
                raise Crash
            return call(*arguments, **options)

        return stepped

    with pytest.MonkeyPatch.context() as patched:
        for owner, names in (
            (handing_over, ("copy_mailbox", "sync_file")),
            (handing_over.shutil, ("rmtree",)),
            (handing_over.os, ("replace",)),
            (Path, ("rename", "unlink")),
            (Mailbox, ("set_meta", "forget_meta")),
            (EmbeddedAccounts, ("take", "share", "handed_over", "taken_back")),
        ):
            for name in names:
                patched.setattr(owner, name, stepping(getattr(owner, name)))
        yield


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """Where Anna's mailbox is, with a message in it; nobody waits long."""
    monkeypatch.setattr(mailboxes, "IN_USE_SECONDS", 0.1)
    node = Node(tmp_path / "one")
    with node.accounts() as accounts:
        accounts.add(ANNA, "password", generated=True)
    assert node.receive("first")
    return node


def at_each_step(one: Node, tmp_path: Path, cut_off: Callable[[Node, Path], None]) -> Iterator[tuple[Node, Path]]:
    """(The node and the parcel after ``cut_off`` did not get past a step), for each step, and once when it was done."""
    for step in range(STEPS_AT_MOST):
        again = tmp_path / f"step{step}"
        shutil.copytree(one.data, again / "one")
        if (tmp_path / "parcel").exists():
            shutil.copytree(tmp_path / "parcel", again / "parcel")
        node, done = Node(again / "one"), False
        with contextlib.suppress(Crash), crash_before(step):
            cut_off(node, again / "parcel")
            done = True
        yield node, again / "parcel"
        if done:
            assert step > 5
            return
    raise AssertionError("more steps than were thought of")


def test_a_hand_over(one: Node, tmp_path: Path) -> None:
    for node, parcel in at_each_step(one, tmp_path, lambda node, parcel: node.hand_over(parcel)):
        kept = ["first", *node.receive("meanwhile")]
        node.hand_over(parcel)
        assert node.receive("too late") == []
        two = Node(parcel.parent / "two")
        two.take_over(parcel)
        assert two.held() == kept


@pytest.mark.parametrize("to", ["another node", "where it left from"])
def test_a_taking_over(one: Node, tmp_path: Path, to: str) -> None:
    one.hand_over(tmp_path / "parcel")
    if to == "another node":
        one = Node(tmp_path / "two")
    for node, parcel in at_each_step(one, tmp_path, lambda node, parcel: node.take_over(parcel)):
        kept = ["first", *node.receive("meanwhile")]
        with contextlib.suppress(BasculeError):  # it was done: there is an account here
            node.take_over(parcel)
        assert node.receive("later")
        assert node.held() == sorted([*kept, "later"])
        with pytest.raises(BasculeError, match="There is an account"):
            node.take_over(parcel)


def test_a_taking_over_waits_for_who_looks_into_the_mailbox_that_left(one: Node, tmp_path: Path) -> None:
    """Programs go on asking for it, and each opens it for a moment, to be refused."""
    one.hand_over(tmp_path / "parcel")
    [place] = (one.data / "mailboxes").glob("*.mailbox")
    looks = take_lock(place, shared=True)
    timer = threading.Timer(1.0, os.close, [looks])
    timer.start()
    one.take_over(tmp_path / "parcel")
    timer.join()
    assert one.held() == ["first"]


def test_a_taking_back(one: Node, tmp_path: Path) -> None:
    one.hand_over(tmp_path / "parcel")
    with one.accounts() as accounts:
        account = accounts.find(ANNA)
        assert account is not None
        for step in range(2):
            with pytest.raises(Crash), crash_before(step):
                take_back(one.data, accounts, account)
            assert one.receive("meanwhile") == []
        take_back(one.data, accounts, account)
    assert one.receive("later")
    assert one.held() == ["first", "later"]


@pytest.mark.parametrize("identity", ["../../elsewhere", "x" * 32, "", 7, None, ["a" * 32]])
def test_an_account_whose_id_is_none_is_no_parcel(one: Node, tmp_path: Path, identity: object) -> None:
    """The id becomes the name of a folder, which is replaced."""
    one.hand_over(tmp_path / "parcel")
    told = json.loads((tmp_path / "parcel/account.json").read_text())
    (tmp_path / "parcel/account.json").write_text(json.dumps({**told, "id": identity}))
    (tmp_path / "elsewhere.mailbox").mkdir()
    with pytest.raises(BasculeError, match="is not what"):
        Node(tmp_path / "two").take_over(tmp_path / "parcel")
    assert not (tmp_path / "two/mailboxes").exists()
    assert (tmp_path / "elsewhere.mailbox").exists()
