"""What a member marks on the new side in the very moment in which a run gives a copy its flags stays, and is theirs from then on."""

from pathlib import Path

from support.command import report_of
from support.hurry import bascule_in_a_hurry
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.server import Session
from support.quirks.syntax import Command

TEXT = b"Subject: x\r\n\r\ntext %d\r\n"


class MarksMeanwhile(Quirk):
    """The member stars the first message after its flags were read, and before any is given."""

    starred = False

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "UID STORE" and not self.starred:
            self.starred = True
            inbox = session.store.folders[b"INBOX"]
            inbox.change(inbox.messages[0], inbox.messages[0].flags | {b"\\Flagged"})


def test_a_star_set_while_flags_follow_stays_and_is_the_members(tmp_path: Path) -> None:
    old, new = Store(), Store()
    inbox = old.folders[b"INBOX"]
    for number in range(3):
        old.append(inbox, TEXT % number, {b"$Label1"})
    with QuirkServer(Quirk(), old) as source, QuirkServer(MarksMeanwhile(), new) as target:

        def run() -> list[frozenset[bytes]]:
            done = bascule_in_a_hurry(
                tmp_path, "copy", source.url, target.url, "--json", "--quiet", "--state", tmp_path / "state"
            )
            report = report_of(done)  # type: ignore[arg-type]  # has what it reads
            assert (done.returncode, report["exceptions"]) == (0, []), done.stderr
            return [message.flags for message in new.folders[b"INBOX"].messages]

        run()
        for message in inbox.messages:
            inbox.change(message, {b"\\Seen", b"$Label2"})
        followed = frozenset({b"\\Seen", b"$Label2"})
        assert run() == [followed | {b"\\Flagged"}, followed, followed]
        for message in inbox.messages:
            inbox.change(message, {b"\\Answered"})
        assert run() == [followed | {b"\\Flagged"}, {b"\\Answered"}, {b"\\Answered"}]
