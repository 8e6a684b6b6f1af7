"""A run that a quota stops in the middle leaves nothing half written."""

from pathlib import Path

from support.hurry import Done, bascule_in_a_hurry
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.server import Session
from support.quirks.syntax import Command, No


class Full(Quirk):
    """Takes nothing while ``is_full``."""

    without = frozenset({"MULTIAPPEND"})
    is_full = False

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and self.is_full:
            raise No("[OVERQUOTA] Not enough disk quota")


def test_what_the_member_removed_stays_away_though_a_quota_stopped_the_run_that_saw_it_move(tmp_path: Path) -> None:
    old, full = Store(), Full()
    inbox, archive = old.folders[b"INBOX"], old.create(b"Archive")
    text = b"Subject: m\r\n\r\nm\r\n"
    old.append(inbox, text)
    old.append(archive, b"Subject: x\r\n\r\nx\r\n")
    with QuirkServer(Quirk(), old) as source, QuirkServer(full) as target:

        def run() -> Done:
            return bascule_in_a_hurry(
                tmp_path,
                "copy",
                source.url,
                target.url,
                "--json",
                "--quiet",
                "--state",
                tmp_path / "state",
                "--connections",
                "1",
            )

        def is_there() -> bool:
            return any(m.octets == text for folder in target.store.folders.values() for m in folder.messages)

        assert run().returncode == 0
        there = target.store.folders[b"INBOX"]
        there.remove(there.messages)
        inbox.remove(inbox.messages)
        for number in range(401):  # three batches are on their way, and the fourth is full, when m's turn comes
            old.append(archive, text if number == 400 else b"Subject: %d\r\n\r\n" % number)
        old.append(archive, b"Subject: last\r\n\r\n")
        full.is_full = True
        assert "no room left" in run().stdout
        full.is_full = False
        for _ in range(2):
            run()
            assert not is_there()
