"""A folder of the target that closes while it is being filled: what was sent by then may be there, and is not called refused."""

from pathlib import Path

from support.command import bascule, report_of
from support.quirks import QuirkServer, Store, sample
from support.quirks.refusing import KeepsAndHangsUpOnce
from support.quirks.syntax import Command, No


class ClosesBehindACut(KeepsAndHangsUpOnce):
    """After the connection ended in an APPEND, no folder is opened any more, until ``is_open``."""

    is_open = False

    def before(self, session: object, command: Command) -> None:
        if command.verb == "SELECT" and self._ended and not self.is_open:
            raise No("the folder is closed")


def test_what_was_sent_before_the_folder_closed_is_in_doubt_and_not_refused(tmp_path: Path) -> None:
    old, new, quirk = Store(), Store(), ClosesBehindACut()
    sample.fill(old)
    mailbox = tmp_path / "a.mailbox"
    with QuirkServer(store=old) as source:
        bascule(tmp_path, "capture", source.url, mailbox, "--quiet")
    with QuirkServer(quirk, new) as target:
        words = ["deliver", mailbox, target.url, "--json", "--quiet", "--connections", 1]
        first = report_of(bascule(tmp_path, *words, status=1))
        kept = sum(len(folder.messages) for folder in new.folders.values())
        refused = [one for one in first["exceptions"] if one["code"] == "refused-folder"]
        assert kept
        assert len(refused) == first["totals"]["found"] - kept
        quirk.is_open = True
        second = report_of(bascule(tmp_path, *words))
    assert (second["totals"]["delivered"], second["exceptions"]) == (first["totals"]["found"], [])
    assert sum(len(folder.messages) for folder in new.folders.values()) == first["totals"]["found"]
