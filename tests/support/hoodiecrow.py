"""A hoodiecrow of our own on loopback: a small IMAP server in JavaScript, all in memory. The password is ``secret``."""

import json
import subprocess
from types import TracebackType
from typing import Self

from support import parts
from support.dovecot import PASSWORD

_START = """
const [module_path, options] = process.argv.slice(1)
const server = require(module_path)(JSON.parse(options))
server.server.listen(0, "127.0.0.1", () => console.log(server.server.address().port))
"""
PLUGINS = (
    "ID",
    "IDLE",
    "NAMESPACE",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "UIDPLUS",
    "UNSELECT",
    "LITERALPLUS",
    "ENABLE",
    "CONDSTORE",
)


class PrivateHoodiecrow:
    """Use as a context manager. Users must be named, and all see one mailbox."""

    def __init__(self, users: list[str], *, plugins: tuple[str, ...] = PLUGINS) -> None:
        self.port = 0
        self._options = {
            "users": {user: {"password": PASSWORD} for user in users},
            "plugins": plugins,
            "storage": {"INBOX": {}, "": {"separator": "/", "folders": {}}},
        }
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["node", "-e", _START, parts.hoodiecrow_module(), json.dumps(self._options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.strip().isdigit(), "hoodiecrow does not start"
        self.port = int(said)
        return self

    def url(self, user: str) -> str:
        return f"imap://{user}@127.0.0.1:{self.port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
