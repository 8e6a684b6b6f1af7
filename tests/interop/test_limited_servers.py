"""Servers that hold something back: a quota, a right, more connections. What they refuse is named, and follows once they take it."""

import imaplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import varied
from support.copying import Trial, faults_of
from support.dovecot import PrivateDovecot
from support.kinds import USER, Place

pytestmark = pytest.mark.needs("dovecot")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Place]:
    with PrivateDovecot(tmp_path / "old") as server:
        place = Place(server.url(USER), server.port)
        varied.fill(place.port, USER)
        yield place


def _grant(place: Place, folder: str, rights: str) -> None:
    with imaplib.IMAP4("127.0.0.1", place.port, timeout=60) as client:
        client.login(place.user, "secret")
        client.create(folder)
        status, said = client.setacl(folder, place.user, rights)
        assert status == "OK", said


def _doubled(trial: Trial) -> dict[str, int]:
    """Folders of the new side that hold messages which their own on the old side does not, and how many."""
    old, new = trial.before, trial.new.look()
    more = {name: new[name].keys() - old[name].keys() if name in old else new[name].keys() for name in new}
    return {new[name].shown: keys.total() for name, keys in more.items() if keys}


def test_a_quota_that_fills_half_way_and_is_raised(tmp_path: Path, old: Place) -> None:
    with PrivateDovecot(tmp_path / "new", quota_kilobytes=150) as small:
        trial = Trial(tmp_path, old, Place(small.url(USER), small.port))
        first = trial.run()
        assert not first["accounted"]
        assert 0 < first["totals"]["delivered"] < first["totals"]["found"]
        port = small.port
        trial.run()  # what is smaller may still go in; nothing that is there goes in again
        assert not _doubled(trial)
    with PrivateDovecot(tmp_path / "new", port=port, quota_kilobytes=50_000):
        assert trial.hold()["accounted"]


def test_a_folder_that_can_not_be_written_is_named_and_follows_when_it_can(tmp_path: Path, old: Place) -> None:
    with PrivateDovecot(tmp_path / "new", acl=True) as server:
        new = Place(server.url(USER), server.port)
        _grant(new, "Trash", "lra")
        trial = Trial(tmp_path, old, new)
        report = trial.hold()
        assert not report["accounted"]
        assert {e["folder"] for e in report["exceptions"]} == {"Trash"}
        _grant(new, "Trash", "lrwstipekxa")
        assert trial.run()["accounted"]
        assert faults_of(trial.before, new.look(), trial.run()) == []


def test_a_folder_that_can_not_be_read_is_named_and_follows_when_it_can(tmp_path: Path, old: Place) -> None:
    with PrivateDovecot(tmp_path / "shy", acl=True) as server, PrivateDovecot(tmp_path / "new") as target:
        shy = Place(server.url(USER), server.port)
        varied.fill(shy.port, USER)
        before = shy.look()
        _grant(shy, "Trash", "la")
        trial = Trial(tmp_path, shy, Place(target.url(USER), target.port))
        report = trial.run()
        assert not report["accounted"]
        assert [row["folder"] for row in report["folders"] if row["error"]] == ["Trash"]
        assert trial.run()["totals"] == report["totals"]
        assert shy.look() == trial.before
        _grant(shy, "Trash", "lrwstipekxa")
        assert trial.run()["accounted"]
        assert faults_of(before, trial.new.look(), trial.run()) == []


def test_over_a_compressed_connection_all_arrives(tmp_path: Path, old: Place) -> None:
    with PrivateDovecot(tmp_path / "new", compress=True) as server:
        assert Trial(tmp_path, old, Place(server.url(USER), server.port), "--compress").hold()["accounted"]


def test_what_is_larger_than_the_server_takes_is_named_so_at_once_and_tried_again_with_no_wait(
    tmp_path: Path, old: Place
) -> None:
    limit = "\nplugin {\n  quota_max_mail_size = 20k\n}\n"
    with PrivateDovecot(tmp_path / "new", quota_kilobytes=50_000, settings=limit) as server:
        with imaplib.IMAP4("127.0.0.1", old.port, timeout=60) as client:
            client.login(USER, "secret")
            for number in range(3):
                client.append(
                    "INBOX", None, None, b"Subject: photos %d\r\n\r\n" % number + b"x" * 70 + b"\r\n" * 25_000
                )
        trial = Trial(tmp_path, old, Place(server.url(USER), server.port))
        began = time.monotonic()
        report = trial.hold()
        assert time.monotonic() - began < 20
    assert {e["code"] for e in report["exceptions"]} == {"refused-size"}
