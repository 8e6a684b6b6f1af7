"""Folders that a server shows and calls other people's are left where they are, and named."""

from pathlib import Path

from support.command import bascule
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.server import Session


class SharesTheRoot(Quirk):
    """One's own folders lie below INBOX, and whatever else is shown is everybody's."""

    def namespace(self, session: Session, line: bytes) -> bytes:
        return b'* NAMESPACE (("INBOX/" "/")) NIL (("" "/"))'


def test_what_is_left_out_as_everybody_s_is_named(tmp_path: Path) -> None:
    old = Store()
    for name in (b"INBOX", b"INBOX/Sent", *(b"Board %d" % number for number in range(7))):
        old.append(old.find(name) or old.create(name), b"Subject: x\r\n\r\nx\r\n")
    old.create(b"Boards", b"\\Noselect")
    with QuirkServer(SharesTheRoot(), old) as source, QuirkServer() as target:
        done = bascule(tmp_path, "copy", source.url, target.url, "--quiet")
        assert {name for name, folder in target.store.folders.items() if folder.messages} == {b"INBOX", b"Sent"}
    assert done.stderr.count("(NAMESPACE)") == 1
    assert (
        "“Board 0”, “Board 1”, “Board 2”, “Board 3”, “Board 4” and 2 more other people's or everybody's" in done.stderr
    )
