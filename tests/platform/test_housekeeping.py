"""What is done while nobody waits: after it, nobody does."""

import contextlib
import sqlite3
import time
from pathlib import Path

from bascule.platform.housekeeping import LATEST_SECONDS, QUIET_SECONDS, Due
from support import messages
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule


def test_a_mailbox_is_left_alone_until_it_is_quiet_but_not_for_ever() -> None:
    due = Due()
    due.note("a", 0.0)
    due.note("b", 1.0)
    assert due.take(QUIET_SECONDS - 0.1) is None
    due.note("a", 1.5)
    assert due.take(QUIET_SECONDS + 1.0) == "b"
    for second in range(2, int(LATEST_SECONDS)):
        due.note("a", float(second))
        assert due.take(float(second)) is None
    due.note("a", LATEST_SECONDS)
    assert due.take(LATEST_SECONDS) == "a"
    assert due.take(1e9) is None


def test_new_messages_are_described_and_indexed(tmp_path: Path) -> None:
    mails = messages.many(30)
    with PrivateBascule(tmp_path) as server:
        client = Dialogue(server.imap)
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        client.ok("APPEND INBOX" + " {}" * len(mails), *mails)
        place = server.mailbox()
        deadline = time.monotonic() + 20
        while _counts(place) != (len(set(mails)), len(set(mails))):
            assert time.monotonic() < deadline, _counts(place)
            time.sleep(0.2)
        client.close()


def _counts(place: Path) -> tuple[int, int]:
    """Described, indexed."""
    with contextlib.closing(sqlite3.connect(place / "catalogue.sqlite")) as catalogue:
        described = catalogue.execute("SELECT count(*) FROM descriptions").fetchone()[0]
    if not (place / "search.sqlite").exists():
        return described, 0
    with contextlib.closing(sqlite3.connect(place / "search.sqlite")) as index:
        try:
            return described, index.execute("SELECT indexed_body FROM progress").fetchone()[0]
        except sqlite3.OperationalError:
            return described, 0
