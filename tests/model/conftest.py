"""Servers that stand for the whole module, and a mailbox of its own on each side for every test."""

from collections.abc import Iterator

import pytest

from model.runner import Runner
from support.dovecot import PrivateDovecot


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with Runner(tmp_path_factory.mktemp("runs")) as started:
        yield started


@pytest.fixture(scope="module")
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateDovecot]:
    with PrivateDovecot(tmp_path_factory.mktemp("old"), format="maildir") as started:
        yield started


@pytest.fixture(scope="module")
def new_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateDovecot]:
    with PrivateDovecot(tmp_path_factory.mktemp("new")) as started:
        yield started
