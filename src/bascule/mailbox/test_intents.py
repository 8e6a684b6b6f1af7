"""What a batch in doubt is known by is read as it was written, also where an older Bascule wrote it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox
from bascule.mailbox.ledger import Ledger, Sent

FLAGGED = frozenset({"\\Flagged"})
NONE: frozenset[str] = frozenset()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Mailbox.open_or_create(tmp_path / "m", keeps_bodies=False) as mailbox:
        yield mailbox.ledger("imap://a@new.example")


def test_each_message_is_read_with_its_flags_and_what_was_sent(ledger: Ledger) -> None:
    sent = {2: Sent((b"\1" * 32, 12)), 3: Sent(None, b"\2" * 32), 4: Sent((b"\3" * 32, 5), b"\4" * 32)}
    ledger.intend(1, 7, 100, {1: FLAGGED, 2: NONE, 3: NONE, 4: FLAGGED}, sent)
    (intent,) = ledger.intents(1)
    assert intent.given == {1: FLAGGED, 2: NONE, 3: NONE, 4: FLAGGED}
    assert intent.sent == sent


@pytest.mark.parametrize(("written", "given"), [("[[5,null]]", None), ("[[5,{flags}]]", FLAGGED)])
def test_one_that_says_no_more_than_message_and_flags_is_read(
    ledger: Ledger, written: str, given: frozenset[str] | None
) -> None:
    ledger.intend(1, 7, 100, {5: FLAGGED})
    ((flags,),) = ledger._database.execute("SELECT json_extract(messages, '$[0][1]') FROM intents")
    ledger._database.execute("UPDATE intents SET messages = ?", (written.format(flags=flags),))
    (intent,) = ledger.intents(1)
    assert (intent.given, intent.sent) == ({5: given}, {})
