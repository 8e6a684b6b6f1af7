"""One server for all tests of a worker, and a new account for each test."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.certificates import make_certificate
from support.dialogue import Dialogue
from support.server import PASSWORD, PrivateBascule

_NUMBER = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBascule]:
    root = tmp_path_factory.mktemp("server")
    with PrivateBascule(root, accounts=(), tls=make_certificate(root), processes=2) as running:
        yield running


@pytest.fixture
def login(server: PrivateBascule) -> str:
    """A new account's."""
    name = f"member{next(_NUMBER)}@example.org"
    accounts = server.accounts()
    accounts.add(name, PASSWORD, generated=True)
    accounts.close()
    return name


@pytest.fixture
def connect(server: PrivateBascule, login: str) -> Iterator[Callable[..., Dialogue]]:
    """Another session on the account's mailbox; ``select``: with that mailbox selected."""
    made: list[Dialogue] = []

    def signed_in(select: str = "", *, enable: str = "") -> Dialogue:
        dialogue = Dialogue(server.imap)
        made.append(dialogue)
        dialogue.ok(f"LOGIN {login} {PASSWORD}")
        if enable:
            dialogue.ok(f"ENABLE {enable}")
        if select:
            dialogue.ok(f"SELECT {select}")
        return dialogue

    yield signed_in
    for dialogue in made:
        dialogue.close()


@pytest.fixture
def client(connect: Callable[..., Dialogue]) -> Dialogue:
    """Signed in, INBOX selected."""
    return connect("INBOX")


@pytest.fixture
def mailbox_file(server: PrivateBascule, login: str) -> Path:
    return server.mailbox(login)
