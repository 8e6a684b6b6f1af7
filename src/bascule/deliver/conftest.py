"""A mailbox that remembers and holds nothing, as `copy` has one, with the ledger of one target."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger

DELTAS = 9


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox.open_or_create(tmp_path / "m", keeps_bodies=False) as opened:
        yield opened


@pytest.fixture
def ledger(mailbox: Mailbox) -> Ledger:
    return mailbox.ledger("imap://a@new.example")


@pytest.fixture
def nine_deltas(mailbox: Mailbox) -> None:
    """They have read the whole source; the first began at second 1000, the next at 2000."""
    for delta in range(1, DELTAS + 1):
        mailbox.folders.begin_delta(1000 * delta)
        mailbox.folders.note_still()
    mailbox.set_meta("whole_delta", str(DELTAS))
