"""What was found at fault in a folder that the run itself made is told at its end, and is not taken for gone with a folder that nobody listed."""

from pathlib import Path

import pytest

from support.quirks import Folder, Message, Quirk
from support.quirks.quirk import Codes
from support.quirks.server import Session
from support.two_servers import text, two_servers

_SCANNED = b"X-Scanned: yes\r\n"


class AltersAndKeepsBack(Quirk):
    r"""Without UIDPLUS; keeps no \Flagged, and of the second message, of which it makes other octets, it gives none."""

    without = frozenset({"UIDPLUS"})

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message:
        message.flags = frozenset()
        if message.octets == text(2):
            message.octets = _SCANNED + message.octets
        return message

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        reads = any(name.startswith("BODY") for name in items)
        return [] if reads and message.octets.startswith(_SCANNED) else [items]


@pytest.mark.parametrize("name", [b"A", b"INBOX"])
def test_a_fault_beside_what_can_not_be_read_back_is_named(tmp_path: Path, name: bytes) -> None:
    with two_servers(tmp_path, AltersAndKeepsBack()) as both:
        folder = both.old.folders.get(name) or both.old.create(name)
        both.old.append(folder, text(1), [b"\\Flagged"])
        both.old.append(folder, text(2))
        for _ in range(2):
            ended = both.copy("--connections", "1")
            assert (ended.status, ended.codes, ended.report["totals"]["removed"]) == (1, ["altered"], 0)
