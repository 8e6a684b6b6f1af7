"""Long work of an installation, asked for and looked at from a process of its own, as its pages do."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_IN_DJANGO = """
import json, sys
from pathlib import Path
from bascule.portal.start import start
start(Path(sys.argv[1]))
from bascule.portal.directory.models import Mailbox, MemberList, Wave
from bascule.portal.jobs.asking import ask
from bascule.portal.jobs.models import Kind, Lane, Work
from bascule.portal.shell.doors import keys, now
"""
_ASK = """
kind = Kind(sys.argv[2])
order = {}
if kind is Kind.IMPORT:
    text = Path(sys.argv[3]).read_text("utf-8")
    order = {"list": MemberList.objects.create(name="list.csv", sealed=keys().seal(text), wave=Wave.objects.get(), brought_by="test", brought_at=now()).pk}
print(ask(kind, order, by="test", at=now(), lane=Lane.DIRECTORY).pk)
"""
_LOOK = """
work = Work.objects.get(pk=int(sys.argv[2]))
boxes = dict(Mailbox.objects.values_list("login", "shown"))
print(json.dumps({"state": work.state, "done": work.done, "total": work.total, "attempts": work.attempts, "trouble": work.trouble, "boxes": boxes}))
"""


def _django(config: Path, code: str, *words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _IN_DJANGO + code, str(config), *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ask(config: Path, kind: str, members: Path) -> int:
    """The number of the work. ``members``: a list, for “import-members”."""
    return int(_django(config, _ASK, kind, members))


def look(config: Path, number: int) -> dict[str, Any]:
    """``state``, ``done``, ``total``, ``attempts``, ``trouble``; and ``boxes``: login → the sealed password."""
    told: dict[str, Any] = json.loads(_django(config, _LOOK, number))
    return told
