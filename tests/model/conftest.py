"""Servers that stand for the whole module, and a mailbox of its own on each side for every test."""

import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from model.history import Move
from support.command import environment
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot
from support.runner import Runner


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with Runner(environment(tmp_path_factory.mktemp("runs")), hurry=True) as started:
        yield started


@pytest.fixture(scope="module")
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateDovecot]:
    with PrivateDovecot(tmp_path_factory.mktemp("old"), format="maildir") as started:
        yield started


@pytest.fixture(scope="module")
def new_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateDovecot]:
    with PrivateDovecot(tmp_path_factory.mktemp("new")) as started:
        yield started


@pytest.fixture
def move(
    tmp_path: Path, runner: Runner, old_server: PrivateDovecot, new_server: PrivateDovecot, request
) -> Iterator[Move]:
    with ExitStack() as stack:
        found = Move(tmp_path, runner, old_server, new_server, f"u{zlib.crc32(request.node.nodeid.encode())}")
        for each in (found.old, found.new, *found.proxies.values()):
            stack.enter_context(each)
        yield found


@pytest.fixture
def to_cyrus(tmp_path: Path, runner: Runner, old_server: PrivateDovecot) -> Iterator[Move]:
    with ExitStack() as stack:
        cyrus = stack.enter_context(PrivateCyrus(["cyrille"]))
        found = Move(tmp_path, runner, old_server, cyrus, "cyrille")
        for each in (found.old, found.new, *found.proxies.values()):
            stack.enter_context(each)
        yield found
