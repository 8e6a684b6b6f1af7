"""The mailboxes that a server process has open: one for an account, however many threads take and give back at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox
from bascule.mailbox.format import MailboxInUse
from bascule.mailbox.live import LiveMailbox
from bascule.platform.mailboxes import Mailboxes, OpenMailbox

THREADS = 6
TAKES = 40


def test_an_account_is_open_once_whoever_closes_it_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mailbox that nobody uses is closed at once, and opening one takes a moment: most threads meet while one opens it."""
    mailboxes = Mailboxes(tmp_path, open_mailboxes=0)
    open_it, guard = LiveMailbox.open, threading.Lock()
    opening: list[Path] = []
    in_use: list[OpenMailbox] = []
    wrong: list[str] = []

    def slowly(root: Path) -> LiveMailbox:
        with guard:
            opening.append(root)
            if len(opening) > 1:
                wrong.append("two open it at once")
        time.sleep(0.002)
        box = open_it(root)
        with guard:
            opening.pop()
        return box

    def use() -> None:
        for _ in range(TAKES):
            mailbox = mailboxes.take("anna")
            with guard:
                in_use.append(mailbox)
                if len({id(each) for each in in_use}) > 1:
                    wrong.append("two are in use")
            with guard:
                in_use.remove(mailbox)
            mailboxes.give_back(mailbox)

    with mailboxes.using("anna"):
        pass
    monkeypatch.setattr(LiveMailbox, "open", slowly)
    threads = [threading.Thread(target=use) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mailboxes.close()
    assert wrong == []
    Mailbox.open(mailboxes.place_of("anna")).close()  # nobody holds its lock any more


def test_released_it_is_closed_as_soon_as_its_last_user_gives_it_back(tmp_path: Path) -> None:
    mailboxes = Mailboxes(tmp_path)
    first, second = mailboxes.take("anna"), mailboxes.take("anna")
    assert first is second
    mailboxes.release("anna")
    mailboxes.give_back(first)
    with pytest.raises(MailboxInUse):
        Mailbox.open(mailboxes.place_of("anna"))
    mailboxes.give_back(second)
    Mailbox.open(mailboxes.place_of("anna")).close()
    mailboxes.close()


def test_a_mailbox_that_somebody_has_alone_holds_one_thread_and_the_others_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads are few, and all accounts share them: Bob comes after twenty sessions of Anna's."""
    monkeypatch.setattr("bascule.platform.mailboxes.IN_USE_SECONDS", 2.0)
    mailboxes = Mailboxes(tmp_path)
    for account in ("anna", "bob"):
        with mailboxes.using(account):
            pass
    mailboxes.close_idle(0)

    def wait_in_vain() -> None:
        with pytest.raises(MailboxInUse):
            mailboxes.take("anna")

    with Mailbox.open(mailboxes.place_of("anna")), ThreadPoolExecutor(8) as threads:
        begun = time.monotonic()
        waiting = [threads.submit(wait_in_vain) for _ in range(20)]
        bob = threads.submit(mailboxes.take, "bob").result()
        assert time.monotonic() - begun < 10, "of 2 s for one thread at a time, and half a second for each other"
        mailboxes.give_back(bob)
        for each in waiting:
            each.result()
    mailboxes.close()
