"""A message that arrives while a run is about to read its folder, and is deleted on the old side before the next run: its copy stays."""

from pathlib import Path

from support.mailbox_move import MailboxMove
from support.quirks import Quirk
from support.quirks.server import Session
from support.quirks.store import ARRIVAL
from support.quirks.syntax import Command


class ArrivesBeforeTheFolderIsOpened(Quirk):
    """Once."""

    def __init__(self) -> None:
        self._has_arrived = False

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "EXAMINE" and not self._has_arrived:
            self._has_arrived = True
            session.store.append(session.store.folders[b"INBOX"], b"Subject: late\r\n\r\nlate\r\n", (), ARRIVAL)


def test_its_copy_is_not_taken_for_the_earlier_one_of_itself(tmp_path: Path) -> None:
    with MailboxMove(tmp_path) as move:
        move.fill(2)
        assert (move.copy(), move.status) == ([], 0)
        move.old.append(move.inbox, b"Subject: second\r\n\r\nnew\r\n", (), ARRIVAL)
        move.source_has(ArrivesBeforeTheFolderIsOpened())
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 4
        late = move.inbox.messages[-1]
        assert b"late" in late.octets
        move.inbox.remove([late])
        for _ in range(2):
            assert (move.copy(), move.status) == ([], 0)
            assert len(move.arrived) == 4
