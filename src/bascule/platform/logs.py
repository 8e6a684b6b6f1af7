"""One line for each event: words for a terminal, JSON otherwise. No password and no message ever stands in one."""

import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from bascule.terms.printable import printable


def one_line(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The one writer of log lines: a user's name, a peer's words or an error's text in one never begins another, nor moves a cursor."""
    return {printable(key): printable(value) if isinstance(value, str) else value for key, value in event.items()}


PLACES = 40
"""Of a bug: the innermost tell where it is, and a recursion has thousands."""


def with_traceback(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """``exc_info`` (an exception, or True for the one in hand) as ``traceback``: the places it came through, outermost first, each error after the one it
    came of. Places and types only: an error's words may be somebody's password or mail."""
    told = event.pop("exc_info", None)
    error = told if isinstance(told, BaseException) else sys.exc_info()[1] if told else None
    places: list[str] = []
    while error is not None:
        frames = traceback.walk_tb(error.__traceback__)
        own = [f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}" for frame, line in frames]
        places = [*own[-PLACES:], type(error).__qualname__, *places][-PLACES:]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if places:
        event["traceback"] = places
    return event


def set_up_logs() -> None:
    renderer = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            with_traceback,
            one_line,
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
