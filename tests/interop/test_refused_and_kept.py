"""A NO that may pass says not always that nothing was done: the target is looked at before the same is sent again."""

from pathlib import Path

import pytest

from support.mailbox_move import MailboxMove
from support.quirks import Quirk
from support.quirks.server import Session
from support.quirks.syntax import Command, No


class KeepsWhatItRefuses(Quirk):
    """A proxy answers NO once to what its back end has kept."""

    refused = False

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        if command.verb == "APPEND" and status == "OK" and not self.refused:
            self.refused = True
            return "NO", b"[UNAVAILABLE] the back end timed out"
        return status, text


class KeepsWithoutUids(KeepsWhatItRefuses):
    """The same, where no UID is told."""

    without = frozenset({"UIDPLUS"})


class KeepsSingly(KeepsWhatItRefuses):
    """The same of one message among many."""

    without = frozenset({"MULTIAPPEND"})


@pytest.mark.parametrize("quirk", [KeepsWhatItRefuses, KeepsWithoutUids, KeepsSingly])
def test_what_was_refused_and_kept_is_not_sent_again(tmp_path: Path, quirk: type[Quirk]) -> None:
    with MailboxMove(tmp_path, quirk()) as move:
        move.fill(250)
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 250
        assert move.report["verified"] == {"details": 250}
        assert "another program" not in move.told
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 250


class RefusesOnce(Quirk):
    """The first APPEND is refused for the moment, and nothing of it is kept."""

    refused = False

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and not self.refused:
            self.refused = True
            raise No("[UNAVAILABLE] later, please")


def test_what_was_refused_and_not_kept_is_sent_again(tmp_path: Path) -> None:
    with MailboxMove(tmp_path, RefusesOnce()) as move:
        move.fill(250)
        assert (move.copy(), move.status) == ([], 0)
        assert len(move.arrived) == 250
