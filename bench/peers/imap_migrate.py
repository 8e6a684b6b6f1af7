"""imap-migration-tools' imap-migrate: from PyPI; ``IMAP_MIGRATE`` names the program where it is not on the path."""

import os
import shutil
from pathlib import Path

from peers.peer import PASSWORD, Call, End, lines


class ImapMigrate:
    name = "imap-migrate"
    opens_target = False
    how = "`imap-migrate --preserve-flags --migrate-cache DIR`"

    def missing(self) -> str:
        return "" if self._program() else "imap-migrate is not installed (PyPI: imap-migration-tools)"

    def _program(self) -> str:
        return os.environ.get("IMAP_MIGRATE") or shutil.which("imap-migrate") or ""

    def version(self) -> str:
        return "imap-migration-tools " + lines([self._program(), "--version"], lambda said: said[-1].split()[-1])

    def call(self, state: Path, source: End, target: End, words: tuple[str, ...] = ()) -> Call:
        variables = {}
        for which, end in (("SRC", source), ("DEST", target)):
            variables[f"{which}_IMAP_HOST"] = f"imap://127.0.0.1:{end.port}"
            variables[f"{which}_IMAP_USERNAME"] = end.user
            variables[f"{which}_IMAP_PASSWORD"] = PASSWORD
        return Call((self._program(), "--preserve-flags", "--migrate-cache", str(state), *words), variables)

    def told(self, said: str) -> str:
        return said
