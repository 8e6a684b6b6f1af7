"""Somebody makes folders, and subscribes to names, without an end: no quota counts them, and each LIST reads them all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox.live import LiveMailbox, NameRefused, folders
from bascule.terms.folder import FolderPath


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveMailbox]:
    with LiveMailbox.create(tmp_path / "anna.mailbox", 1) as made:
        monkeypatch.setattr(folders, "NAMES", 10)
        yield made


def test_folders(box: LiveMailbox) -> None:
    for number in range(10 - len(box.folders.all())):
        box.folders.require_room()
        box.folders.create(FolderPath((f"more {number}",)), 1)
    box.folders.delete(FolderPath(("more 0",)), 1)
    with pytest.raises(NameRefused) as refused:
        box.folders.require_room()
    assert refused.value.code == "LIMIT"


def test_subscriptions(box: LiveMailbox) -> None:
    for number in range(10):
        box.folders.subscribe(f"nothing/{number}", None, wanted=True)
    with pytest.raises(NameRefused):
        box.folders.subscribe("one more", None, wanted=True)
    box.folders.subscribe("nothing/0", None, wanted=False)
    box.folders.subscribe("one more", None, wanted=True)
    inbox = box.folders.all()[0]
    box.folders.subscribe(inbox.path.join("/"), inbox, wanted=True)


def test_long_names(box: LiveMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "NAMES_CHARACTERS", 500)
    box.folders.subscribe("x" * 600, None, wanted=True)
    with pytest.raises(NameRefused):
        box.folders.subscribe("y", None, wanted=True)
    box.folders.create(FolderPath(("z" * 250,)), 1)
    box.folders.create(FolderPath(("Z" * 250,)), 1)
    with pytest.raises(NameRefused):
        box.folders.require_room()
