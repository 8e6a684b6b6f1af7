"""A keyword that the target refuses is left out and named; its message is not left behind for it, and its other flags follow."""

from pathlib import Path
from typing import Any

import pytest

from support import reference
from support.command import report_of
from support.dovecot import PrivateDovecot
from support.hurry import bascule_in_a_hurry
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.refusing import RefusesKeywords

LONG = b"project-" + b"x" * 60
TEXT = b"Subject: x\r\n\r\ntext\r\n"


def _copy(tmp: Path, source: QuirkServer, target: str) -> tuple[int, dict[str, Any]]:
    done = bascule_in_a_hurry(tmp, "copy", source.url, target, "--json", "--quiet", "--state", tmp / "state")
    return done.returncode, report_of(done)  # type: ignore[arg-type]  # has what it reads


@pytest.mark.needs("dovecot")
def test_a_keyword_too_long_for_the_target_costs_neither_the_message_nor_its_other_flags(tmp_path: Path) -> None:
    old = Store()
    inbox = old.folders[b"INBOX"]
    for number, flags in enumerate([(), (LONG, b"$Forwarded"), ()]):
        old.append(inbox, TEXT + b"%d\r\n" % number, flags)
    with QuirkServer(Quirk(), old) as source, PrivateDovecot(tmp_path / "new") as new:
        status, report = _copy(tmp_path, source, new.url("anna"))
        [named] = report["exceptions"]
        assert (status, named["uid"], named["code"]) == (1, 2, "altered")
        assert named["detail"].startswith("without project-xxx")
        flags = sorted(sorted(key[2]) for key in reference.read_mailbox(new.port, "anna"))
        assert flags == [[], [], ["$forwarded"]]
        inbox.change(inbox.messages[1], [LONG, b"$Forwarded", b"\\Seen"])
        status, report = _copy(tmp_path, source, new.url("anna"))
        assert [(one["uid"], one["code"]) for one in report["exceptions"]] == [(2, "altered")]
        flags = sorted(sorted(key[2]) for key in reference.read_mailbox(new.port, "anna"))
        assert flags == [[], [], ["$forwarded", "\\seen"]]


def test_a_target_that_takes_no_keywords_gets_every_message(tmp_path: Path) -> None:
    old, new = Store(), Store()
    for number, flags in enumerate([(), (b"$Forwarded", b"\\Seen")]):
        old.append(old.folders[b"INBOX"], TEXT + b"%d\r\n" % number, flags)
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesKeywords(), new) as target:
        for _ in range(2):
            status, report = _copy(tmp_path, source, target.url)
            assert (status, [(one["uid"], one["code"]) for one in report["exceptions"]]) == (1, [(2, "altered")])
            held = [(message.octets, message.flags) for message in new.folders[b"INBOX"].messages]
            assert held == [(TEXT + b"0\r\n", frozenset()), (TEXT + b"1\r\n", frozenset({b"\\Seen"}))]
