"""Every server that can be started here, each as a place to copy from or to."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support import standing
from support.courier import PrivateCourier
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot
from support.hoodiecrow import PrivateHoodiecrow
from support.pymap import PrivatePymap
from support.server import ANNA, PrivateBascule
from support.standing import Standing

USER = "anna"


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox on a server that runs."""

    url: str
    port: int
    user: str = USER

    def look(self) -> dict[bytes, Standing]:
        return standing.look(self.port, self.user)


Opener = Callable[[Path], contextlib.AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A server that can be started. ``raw``: folders that a source has besides, by their names on the wire."""

    name: str
    open: Opener
    needs: str = "dovecot"
    user: str = USER
    raw: tuple[bytes, ...] = (b"R&D",)

    @contextlib.contextmanager
    def start(self, root: Path) -> Iterator[Place]:
        with self.open(root) as server:
            port = server.imap if isinstance(server, PrivateBascule) else server.port
            yield Place(f"imap://{self.user}@127.0.0.1:{port}", port, self.user)


_BELOW_INBOX = (b"INBOX.INBOX", b"INBOX.Inbox")
KINDS = (
    Kind("dovecot-maildir", lambda root: PrivateDovecot(root, format="maildir", separator=".")),
    Kind("dovecot-mbox", lambda root: PrivateDovecot(root, format="mbox")),
    Kind(
        "dovecot-below-inbox",
        lambda root: PrivateDovecot(root, format="maildir", separator=".", prefix="INBOX."),
        raw=_BELOW_INBOX,
    ),
    Kind("dovecot-one-connection", lambda root: PrivateDovecot(root, connections=1)),
    Kind("courier", lambda root: PrivateCourier(), "courier", raw=_BELOW_INBOX),
    Kind("cyrus", lambda root: PrivateCyrus([USER], munge8bit=False), "cyrus"),
    Kind("cyrus-munge8bit", lambda root: PrivateCyrus([USER]), "cyrus"),
    Kind("pymap", lambda root: PrivatePymap(USER), "pymap", raw=()),  # an endless loop at R&D
    Kind("hoodiecrow", lambda root: PrivateHoodiecrow([USER]), "hoodiecrow"),
    Kind("built-in", lambda root: PrivateBascule(root, settings={"mailboxes": "first_folders = []"}), user=ANNA),
)


def as_parameters(*, leave_out: tuple[str, ...] = ()) -> list[Any]:
    """Each with what it needs."""
    return [
        pytest.param(kind, id=kind.name, marks=pytest.mark.needs(kind.needs))
        for kind in KINDS
        if kind.name not in leave_out
    ]
