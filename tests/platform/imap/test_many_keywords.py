"""A member gives messages keywords without an end: neither a message nor a mailbox has as many as somebody likes. What is kept of them no quota counts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bascule.mailbox import flagsets
from bascule.mailbox.live import Arriving, LiveMailbox, TooManyKeywords
from bascule.protocols.imap.requests.arguments import FLAGS_OF_A_MESSAGE
from bascule.terms.body import HeldBody
from bascule.terms.flags import Flags
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate
from support.dialogue import Dialogue

OCTETS = 2000


def test_a_message_has_so_many_by_however_many_commands(client: Dialogue) -> None:
    words = " ".join(f"word{number}" for number in range(FLAGS_OF_A_MESSAGE))
    client.append("INBOX", b"Subject: x\r\n\r\n")
    client.ok(f"STORE 1 +FLAGS.SILENT ({words})")
    assert client.no("STORE 1 +FLAGS (another)").code == "LIMIT"
    client.ok("STORE 1 +FLAGS.SILENT (\\Seen WORD7)")
    client.ok("STORE 1 -FLAGS.SILENT (word7)")
    client.ok("STORE 1 +FLAGS.SILENT (another)")


def test_a_mailbox_that_has_had_too_many_says_so(client: Dialogue) -> None:
    """The server is another process: as many as it takes."""
    client.append("INBOX", b"Subject: x\r\n\r\n")
    long = [f"{'k' * 240}{number}" for number in range(FLAGS_OF_A_MESSAGE - 1)]
    sets = flagsets.SETS_OCTETS // sum(len(name) + 1 for name in long)
    for number in range(sets):
        client.ok(f"STORE 1 FLAGS.SILENT ({' '.join([*long, f'set{number}'])})")
    assert client.no(f"STORE 1 FLAGS.SILENT ({' '.join([*long, 'once-more'])})").code == "LIMIT"
    assert client.no(f"APPEND INBOX ({' '.join([*long, 'once-more'])}) {{}}", b"Subject: x\r\n\r\n").code == "LIMIT"
    client.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveMailbox]:
    monkeypatch.setattr(flagsets, "SETS_OCTETS", OCTETS)
    with LiveMailbox.create(tmp_path / "anna.mailbox", 1) as made:
        yield made


def _new(*flags: str) -> Arriving:
    return Arriving(HeldBody(b"Subject: x\r\n\r\n"), frozenset(flags), InternalDate(0))


def _given(name: str) -> Callable[[Flags], Flags]:
    return lambda old: frozenset({name})


def _is_taken(box: LiveMailbox, folder: int, name: str) -> bool:
    try:
        box.messages.flag(folder, [(1, 1)], _given(name))
    except TooManyKeywords:
        return False
    return True


@pytest.mark.parametrize("reader", [None, "bert"])
def test_what_is_there_and_what_arrives_goes_on(box: LiveMailbox, reader: str | None) -> None:
    inbox = box.folders.find(INBOX)
    assert inbox is not None
    box.messages.append(inbox.id, [_new()])
    seen = box if reader is None else box.read_by(reader)
    number = next(number for number in range(OCTETS) if not _is_taken(seen, inbox.id, f"keyword{number}"))
    assert number > 0
    with pytest.raises(TooManyKeywords):
        seen.messages.append(inbox.id, [_new("never-seen")])
    seen.messages.flag(inbox.id, [(1, 1)], lambda old: old | {"\\Flagged", "\\Seen"})
    seen.messages.flag(inbox.id, [(1, 1)], _given("keyword0"))
    seen.messages.flag(inbox.id, [(1, 1)], _given("\\Answered"))
    box.messages.deliver(inbox.id, [_new("of-a-filter")], 1)
