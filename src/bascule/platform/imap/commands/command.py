"""What a command's file gives: a generator of untagged responses that returns its completion."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bascule.platform.imap.replies import Done
from bascule.platform.imap.states import State
from bascule.protocols.imap.requests import Request

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session

Answer = Generator[bytes, None, Done | None]
"""None: no tagged reply is due yet (IDLE)."""
Run = Callable[["Session", Request], Answer]


@dataclass(frozen=True, slots=True)
class Command:
    run: Run
    states: frozenset["State"]
