"""Signing in as an administrator, once it is proved that the server then opens the member's mailbox, and not the administrator's own."""

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import platformdirs

from bascule.terms.location import Location
from bascule.wire.imap import Credentials, ImapClient, require_authorization

PROVED_SECONDS = 30 * 24 * 3600
"""How long a proof holds: a campaign's 12,000 mailboxes cost one sign-in that is refused, and a server that was set up otherwise since is
noticed within a month."""


class Administrator:
    """``connect_as`` opens a connection with the credentials that it is given. Call this object for one to the member's mailbox."""

    def __init__(
        self, location: Location, credentials: Credentials, connect_as: Callable[[Credentials], Awaitable[ImapClient]]
    ) -> None:
        self._location = location
        self._credentials = credentials
        self._connect_as = connect_as
        self._proving = asyncio.Lock()
        self._is_proved = credentials.admin == credentials.user

    async def __call__(self) -> ImapClient:
        """Raises ConnectError, also where the server opens the administrator's own mailbox for everybody."""
        async with self._proving:
            if not self._is_proved:
                await self._prove()
        return await self._connect_as(self._credentials)

    async def _prove(self) -> None:
        """Once a run, and not where an earlier run of this user and machine proved it in the last 30 days."""
        place = f"{self._location.host}:{self._location.port}"
        proof = _proof_of(f"{place} {self._credentials.admin} {self._credentials.mechanism}")
        if not _holds(proof) and await require_authorization(place, self._credentials, self._connect_as):
            _remember(proof, f"{place} opens the mailbox that “{self._credentials.admin}” asks for.\n")
        self._is_proved = True


def _proof_of(what: str) -> Path:
    name = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Path(platformdirs.user_state_dir("bascule")) / "administrators" / name


def _holds(proof: Path) -> bool:
    try:
        return 0 <= time.time() - proof.stat().st_mtime < PROVED_SECONDS
    except OSError:
        return False


def _remember(proof: Path, sentence: str) -> None:
    """Where it can't be written, the next run proves it again."""
    try:
        proof.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        proof.write_text(sentence, "utf-8", "backslashreplace")
        os.utime(proof)
    except OSError:
        return
