"""Long work of an installation, asked for and looked at from a process of its own, as its pages do."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_IN_DJANGO = """
import json, sys
from pathlib import Path
from bascule.portal.start import start
start(Path(sys.argv[1]))
from django.db import connections
from bascule.portal.directory.models import Mailbox, MemberList, Wave
from bascule.portal.jobs.asking import ask
from bascule.portal.jobs.models import Kind, Lane, Work
from bascule.portal.shell.doors import keys, now

def asked_for(kind, members):
    kind = Kind(kind)
    order = {}
    if kind is Kind.IMPORT:
        text = Path(members).read_text("utf-8")
        order = {"list": MemberList.objects.create(name="list.csv", sealed=keys().seal(text), wave=Wave.objects.get(), brought_by="test", brought_at=now()).pk}
    return ask(kind, order, by="test", at=now(), lane=Lane.DIRECTORY).pk

def looked_at(number):
    work = Work.objects.get(pk=number)
    return {"state": work.state, "done": work.done, "total": work.total, "attempts": work.attempts, "trouble": work.trouble}

def boxes():
    return dict(Mailbox.objects.values_list("login", "shown"))

for line in sys.stdin:
    what, *words = json.loads(line)
    told = {"ask": asked_for, "look": looked_at, "boxes": boxes}[what](*words)
    connections.close_all()  # nothing is held between two questions
    print(json.dumps(told), flush=True)
"""
LOOKED_SECONDS = 0.25
"""Between two looks at work whose end is waited for."""


class LongWork:
    """Use as a context manager. The process starts with the first question: a look costs a few milliseconds then."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)  # its input ends

    def _told(self, *question: object) -> Any:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _IN_DJANGO, str(self._config)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"it ended, and was asked {question}"
        return json.loads(answer)

    def ask(self, kind: str, members: Path) -> int:
        """The number of the work. ``members``: a list, for “import-members”."""
        number: int = self._told("ask", kind, str(members))
        return number

    def look(self, number: int) -> dict[str, Any]:
        """``state``, ``done``, ``total``, ``attempts``, ``trouble``."""
        told: dict[str, Any] = self._told("look", number)
        return told

    def boxes(self) -> dict[str, str]:
        """Login → the sealed password, empty where there is none yet."""
        told: dict[str, str] = self._told("boxes")
        return told

    def until_over(self, number: int, seconds: float) -> dict[str, Any]:
        """As `look`, once it is neither waiting nor running. Raises AssertionError when that takes longer."""
        deadline = time.monotonic() + seconds
        while (told := self.look(number))["state"] in ("waiting", "running"):
            assert time.monotonic() < deadline, told
            time.sleep(LOOKED_SECONDS)
        return told
