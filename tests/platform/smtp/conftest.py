"""Clients of the session's server, and what lies in a mailbox of it."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from support.inbox import Inbox
from support.server import PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue


@pytest.fixture
def smtp(server: PrivateBascule) -> Iterator[SmtpDialogue]:
    with SmtpDialogue(server.ports["smtp"]) as dialogue:
        yield dialogue


@pytest.fixture
def submission(server: PrivateBascule) -> Iterator[SmtpDialogue]:
    with SmtpDialogue(server.ports["submission"]) as dialogue:
        yield dialogue


@pytest.fixture
def inbox(server: PrivateBascule, login: str) -> Inbox:
    return Inbox(server, login)


@pytest.fixture
def add(server: PrivateBascule) -> Callable[..., str]:
    """Makes one more account."""

    def add_account(name: str, **told: object) -> str:
        with contextlib.closing(server.accounts()) as accounts:
            return accounts.add(name, PASSWORD, generated=True, **told).login  # type: ignore[arg-type]

    return add_account
