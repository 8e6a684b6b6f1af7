"""One line for each event: words for a terminal, JSON otherwise. No password and no message ever stands in one."""

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from bascule.terms.printable import printable


def one_line(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The one writer of log lines: a user's name, a peer's words or an error's text in one never begins another, nor moves a cursor."""
    return {printable(key): printable(value) if isinstance(value, str) else value for key, value in event.items()}


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
            one_line,
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
