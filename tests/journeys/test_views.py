"""Folders that show messages of others are copied, since something may lie there alone, and are named."""

from pathlib import Path

import pytest

from support import messages, reference
from support.command import bascule
from support.dovecot import PrivateDovecot

pytestmark = pytest.mark.needs("dovecot")

VIEW = """
namespace inbox {
  mailbox Marked {
    auto = create
    special_use = \\Flagged
  }
}
"""


def test_a_view_is_named_and_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with PrivateDovecot(tmp_path / "old", settings=VIEW) as old, PrivateDovecot(tmp_path / "new") as new:
        reference.append(old.port, "anna", "INBOX", [messages.plain(1)])
        reference.append(old.port, "anna", "Marked", [messages.plain(1)])
        planned = bascule(tmp_path, "copy", old.url("anna"), new.url("anna"), "--dry-run")
        assert "shows messages of other folders in Marked (\\Flagged)" in planned.stderr
        copied = bascule(tmp_path, "copy", old.url("anna"), new.url("anna"))
        assert "shows messages of other folders in Marked (\\Flagged)" in copied.stderr
        assert reference.read_mailbox(new.port, "anna").total() == 2
        captured = bascule(tmp_path, "capture", old.url("anna"), tmp_path / "m")
        assert "shows messages of other folders in Marked (\\Flagged)" in captured.stderr
        chosen = bascule(tmp_path, "copy", old.url("anna"), new.url("bob"), "--without-folder", "Marked")
        assert "shows messages" not in chosen.stderr
        assert (
            "shows messages"
            not in bascule(tmp_path, "copy", old.url("anna"), new.url("bob"), "--folder", "Marked").stderr
        )
