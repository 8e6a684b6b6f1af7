"""Processor time of a server: of the process that was started and all that it started, from the kernel's own account (proc(5), schedstat)."""

import contextlib
from pathlib import Path

BESIDE = ("bascule-tidy", "bascule-queue")
"""Of ours: what works when nobody waits. Dovecot has no such processes."""


def seconds(root: int) -> float:
    """Since they were started, of the processes below ``root`` that live, itself included; take the difference of two."""
    return sum(map(_of_one, _below(root)))


def _of_one(process: int) -> float:
    """Of its threads, those that ended since not included."""
    total = 0
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def _below(root: int) -> list[int]:
    with contextlib.suppress(OSError):
        if Path(f"/proc/{root}/comm").read_text().strip() in BESIDE:
            return []
        children: list[str] = []
        for thread in Path(f"/proc/{root}/task").iterdir():
            children += (thread / "children").read_text().split()
        return [root, *(process for child in children for process in _below(int(child)))]
    return []
