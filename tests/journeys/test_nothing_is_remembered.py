"""A run that remembers nothing, and finds on the new side what it would have brought, says what that may mean."""

from pathlib import Path

from support import messages
from support.command import bascule
from support.quirks import Quirk, QuirkServer, Store

SENTENCE = "2 messages were on the new side already, and no earlier run is remembered."


def test_copy_says_so_once(tmp_path: Path) -> None:
    old = Store()
    for number in (1, 2):
        old.append(old.folders[b"INBOX"], messages.plain(number))
    with QuirkServer(Quirk(), old) as source, QuirkServer(Quirk()) as target:
        for state, is_told in (("kept", False), ("kept", False), ("lost", True), ("lost", False)):
            done = bascule(tmp_path, "copy", source.url, target.url, "--quiet", "--state", tmp_path / state)
            assert (SENTENCE in done.stderr) == is_told, state


def test_so_does_deliver(tmp_path: Path) -> None:
    old = Store()
    for number in (1, 2):
        old.append(old.folders[b"INBOX"], messages.plain(number))
    with QuirkServer(Quirk(), old) as source, QuirkServer(Quirk()) as target:
        for name, is_told in (("kept", False), ("lost", True)):
            bascule(tmp_path, "capture", source.url, tmp_path / name, "--quiet")
            for again in (False, True):
                done = bascule(tmp_path, "deliver", tmp_path / name, target.url, "--quiet")
                assert (SENTENCE in done.stderr) == (is_told and not again), name
