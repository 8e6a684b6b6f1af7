"""The portal's secrets in one file: what signs its cookies, and what seals generated passwords and the old platform's secrets.

The first of each kind is used; the others still open what they sealed. `rotate` puts a new one first; `bascule.portal.directory` seals anew what it
holds, after which the old ones may go. On several machines it is the same file, copied.
"""

import json
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bascule.terms.errors import BasculeError, ExitStatus


class Keys:
    def __init__(self, signing: list[str], sealing: list[str]) -> None:
        self.signing = signing
        self.sealing = sealing
        self._fernet = MultiFernet([Fernet(key) for key in sealing])

    @classmethod
    def at(cls, path: Path) -> "Keys":
        """Read, or made where there is none. Raises BasculeError where the file is none of ours."""
        if not path.exists():
            cls([secrets.token_urlsafe(48)], [Fernet.generate_key().decode()])._write(path, is_new=True)
        try:
            told = json.loads(path.read_text("utf-8"))
            return cls(told["signing"], told["sealing"])
        except (ValueError, KeyError, TypeError) as error:
            raise BasculeError(
                f"{path} does not hold the portal's keys.",
                "Restore it from the backup: without it, sealed passwords can't be read.",
                ExitStatus.USAGE,
            ) from error

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

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises ValueError where no key of ours sealed it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise ValueError("sealed with a key that is not here") from error

    def seal_anew(self, sealed: str) -> str:
        """With the newest key. Raises ValueError."""
        return self.seal(self.open(sealed))
