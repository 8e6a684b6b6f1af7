"""The database of a portal as the first command of an installation leaves it: empty, with the tables of this version."""

import contextlib
import os
import sqlite3
import tempfile
from functools import cache
from pathlib import Path

from support.command import bascule
from support.portal import configuration


def make_database(root: Path) -> None:
    """For an installation of `configuration` that nobody has started yet: its own first command would take a second of the processor for forty
    migrations, which `bascule.portal.start` finds done. Made by the program, once for each test process."""
    (root / "data").mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(root / "data/portal.sqlite", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_made())


@cache
def _made() -> bytes:
    with tempfile.TemporaryDirectory(prefix="bascule-") as place:
        root = Path(place)
        (root / "bascule.toml").write_text(configuration())
        bascule(root, "account", "--config", root / "bascule.toml", "list")
        with contextlib.closing(sqlite3.connect(root / "data/portal.sqlite")) as database:
            return database.serialize()
