"""The portal's secrets in one file: what signs its cookies, and what seals generated passwords and the old platform's secrets.

The first of each kind is used; the others still open what they sealed. `rotate` puts a new one first; `bascule.portal.sealing` seals anew what the
database holds, after which the old ones may go (`forget_old`). On several machines it is the same file, copied.

Where a command meets running processes: each looks at the file whenever it seals or opens, so it seals with the new key as soon as that is there. What it sealed a
moment before, and has not committed yet, only the old key opens: that one may go once such a moment is long over (`settles_at`), and after all is sealed anew once more.
Two commands that change the file at the same time would lose each other's keys, and with them what was sealed: the second is refused (`changing`).
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bascule.terms.errors import BasculeError, ExitStatus

SETTLE_SECONDS = 600
"""After new keys came, before the old ones may go: no request and no step of long work takes so long."""


class Keys:
    """For any thread. Those of a file (`at`) follow it: whoever holds them for long seals with the keys of the moment."""

    def __init__(self, signing: list[str], sealing: list[str]) -> None:
        self._path: Path | None = None
        self._seen = (0, 0)
        self._take(signing, sealing)

    def _take(self, signing: list[str], sealing: list[str]) -> None:
        self.signing = signing
        self.sealing = sealing
        self._fernet = MultiFernet([Fernet(key) for key in sealing])

    @classmethod
    def at(cls, path: Path) -> "Keys":
        """Read, or made where there is none. Raises BasculeError where the file is none of ours."""
        if not path.exists():
            cls([secrets.token_urlsafe(48)], [Fernet.generate_key().decode()])._write(path, is_new=True)
        try:
            version = _version_of(path)  # first: a file that changes now is read again
            made = cls(*_read(path))
            made._path, made._seen = path, version
            return made
        except (ValueError, KeyError, TypeError) as error:
            raise BasculeError(
                f"{path} does not hold the portal's keys.",
                "Restore it from the backup: without it, sealed passwords can't be read.",
                ExitStatus.USAGE,
            ) from error

    def _follow(self) -> None:
        """A file that is gone, or half copied, changes nothing: it is looked at again the next time."""
        if self._path is None:
            return
        try:
            version = _version_of(self._path)
            if version != self._seen:
                self._take(*_read(self._path))
                self._seen = version
        except (OSError, ValueError, KeyError, TypeError) as error:
            structlog.get_logger().warning("keys-not-read", error=type(error).__name__)

    def _write(self, path: Path, *, is_new: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"signing": self.signing, "sealing": self.sealing}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if not is_new:
            os.replace(partial, path)
            return
        try:
            os.link(partial, path)  # two processes that start together agree on one
        except FileExistsError:
            pass
        finally:
            partial.unlink()

    def rotate(self, path: Path) -> None:
        """A new key of each kind comes first; those that were there stay behind it."""
        signing = [secrets.token_urlsafe(48), *self.signing]
        sealing = [Fernet.generate_key().decode(), *self.sealing]
        type(self)(signing, sealing)._write(path)

    def forget_old(self, path: Path) -> None:
        """Once all is sealed anew: what only older keys open is lost."""
        type(self)(self.signing[:1], self.sealing[:1])._write(path)

    @property
    def settles_at(self) -> float:
        """From then on (seconds since 1970) nobody seals with any but the newest key."""
        assert self._path is not None
        return self._path.stat().st_mtime + SETTLE_SECONDS

    def seal(self, text: str) -> str:
        self._follow()
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises ValueError where no key of ours sealed it."""
        self._follow()
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise ValueError("sealed with a key that is not here") from error

    def seal_anew(self, sealed: str) -> str:
        """With the newest key. Raises ValueError."""
        return self.seal(self.open(sealed))


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """For whoever changes the keys of that file, from reading them on: nobody else on this machine does meanwhile. Raises BasculeError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BasculeError(f"Another command changes {path} just now.", "Wait for it to end, then try again.", ExitStatus.CONNECT) from error  # fmt: skip
        yield
    finally:
        os.close(folder)


def _read(path: Path) -> tuple[list[str], list[str]]:
    """Raises OSError, ValueError, KeyError, TypeError."""
    told = json.loads(path.read_text("utf-8"))
    return told["signing"], told["sealing"]


def _version_of(path: Path) -> tuple[int, int]:
    """Another one once the file is another. Raises OSError."""
    now = path.stat()
    return now.st_mtime_ns, now.st_ino
