"""A server that contradicts itself in what it counts: what it holds is looked for all the same, or named; nothing is sent twice."""

from pathlib import Path

import pytest

from support import messages
from support.command import bascule, report_of
from support.quirks import Quirk, QuirkServer
from support.quirks.opening import ExistsAbsent, OpensAsEmpty, UidnextTooLow


@pytest.mark.parametrize("quirk", [UidnextTooLow, ExistsAbsent])
def test_what_a_target_holds_is_looked_at_whatever_it_counts(tmp_path: Path, quirk: type[Quirk]) -> None:
    with QuirkServer() as source, QuirkServer(quirk()) as target:
        for octets in messages.many(3):
            source.store.append(source.store.folders[b"INBOX"], octets)
            target.store.append(target.store.folders[b"INBOX"], octets)
        done = bascule(tmp_path, "copy", source.url, target.url, "--json", "--quiet")
        assert report_of(done)["totals"]["already_there"] == 3
        assert "APPEND" not in target.verbs()


def test_messages_that_a_source_counts_and_does_not_show_are_named(tmp_path: Path) -> None:
    with QuirkServer(OpensAsEmpty()) as source, QuirkServer() as target:
        for octets in messages.many(5):
            source.store.append(source.store.folders[b"INBOX"], octets)
        done = bascule(tmp_path, "copy", source.url, target.url, "--json", "--quiet", status=1)
    (inbox,) = report_of(done)["folders"]
    assert inbox["error"] == "the server counts 5 messages in it and shows none; have its index repaired"
