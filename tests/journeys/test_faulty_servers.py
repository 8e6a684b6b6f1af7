"""Servers that say no in the middle, slow down, or come back as another: no message is lost, repeated or passed over in silence."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bascule.mailbox import check
from support import messages, reference
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot
from support.proxy import Faults, Proxy

pytestmark = pytest.mark.needs("dovecot")
USER = "anna"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with PrivateDovecot(tmp_path_factory.mktemp("d")) as started:
        reference.append(started.port, USER, "INBOX", messages.many(60))
        yield started


def once(pattern: bytes, replacement: bytes, times: int = 1) -> Callable[[bytes], bytes]:
    """Replace the first ``times`` matches of what the server says, by as many octets."""
    left = times

    def rewrite(data: bytes) -> bytes:
        nonlocal left
        changed, count = re.subn(pattern, replacement, data, count=left) if left else (data, 0)
        left -= count
        return changed

    return rewrite


def capture_twice(tmp_path: Path, server: PrivateDovecot, faults: Faults) -> tuple[dict, dict]:
    """Once with the faults, and once more without; both reports."""
    with Proxy(server.port, faults) as proxy:
        words = ["capture", f"imap://{USER}@127.0.0.1:{proxy.port}", tmp_path / "m.mailbox", "--json", "--timeout", "3"]
        first = report_of(bascule(tmp_path, *words, status=None))
        faults.rewrite_down = None
        second = report_of(bascule(tmp_path, *words))
    assert check(tmp_path / "m.mailbox") == []
    assert second["totals"]["found"] == second["totals"]["delivered"] == 60
    return first, second


def test_a_fetch_that_is_refused_after_its_messages_loses_none(tmp_path, server) -> None:
    first, _ = capture_twice(tmp_path, server, Faults(rewrite_down=once(rb"OK Fetch", b"NO Fetch")))
    assert first["totals"]["delivered"] == 60


def test_a_server_that_asks_to_slow_down_is_asked_again(tmp_path, server) -> None:
    throttled = once(rb"OK Fetch completed", b"NO try again late")
    first, _ = capture_twice(tmp_path, server, Faults(rewrite_down=throttled))
    assert first["totals"]["delivered"] == 60


def test_a_folder_that_is_another_one_after_a_cut_is_not_mixed_with_the_first(tmp_path, server) -> None:
    """UIDVALIDITY changes while the folder is read: what was read is not counted as the new folder's."""
    seen = 0

    def other_after_cut(data: bytes) -> bytes:
        nonlocal seen
        if b"UIDVALIDITY" in data and b"EXISTS" in data:
            seen += 1
            if seen > 1:
                return re.sub(rb"(\[UIDVALIDITY )\d", rb"\g<1>9", data)
        return data

    first, _ = capture_twice(tmp_path, server, Faults(cut_down=120_000, rewrite_down=other_after_cut))
    assert first["accounted"] is False
    assert "UIDVALIDITY changed" in first["folders"][0]["error"]


def test_a_stalled_source_is_given_up_and_opened_again(tmp_path, server) -> None:
    faults = Faults(stall_down=100_000)
    with Proxy(server.port, faults) as proxy:
        words = ["capture", f"imap://{USER}@127.0.0.1:{proxy.port}", tmp_path / "m.mailbox", "--json", "--timeout", "1"]
        bascule(tmp_path, *words, status=None)
        faults.stall_down = -1
        report = report_of(bascule(tmp_path, *words))
    assert report["totals"]["delivered"] == 60


@pytest.mark.parametrize(
    "spoilt",
    [
        (rb'INTERNALDATE "\d\d-(.{3})-(\d{4}) [\d:]{8} .{5}"', rb'INTERNALDATE "00-Jan-0000 00:00:00 +0000"'),
        (rb"FLAGS \(\)", rb"FLAGS (("),
        (rb"FLAGS \(\)", rb'FLAGS a"'),
        (rb"FLAGS \(\)", b"FLAGS \xe9\xff"),
    ],
    ids=["a date of no calendar", "a list that is not closed", "a quote", "8-bit"],
)
def test_one_message_that_is_told_wrong_costs_neither_the_run_nor_the_message(tmp_path, server, spoilt) -> None:
    """Once it ended the run, and each repeat of it, with no folder or UID named."""
    first, _ = capture_twice(tmp_path, server, Faults(rewrite_down=once(*spoilt, times=3)))
    assert first["accounted"] is True
    assert first["totals"]["delivered"] == 60
