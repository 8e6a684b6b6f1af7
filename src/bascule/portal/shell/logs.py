"""Django's log lines, as the servers write theirs; with nothing of a form in them."""

import logging
import re

import structlog

_LINK = re.compile(r"(/phone/)[^/\s]+")
"""A link for a phone opens what it carries, for minutes."""


class WithoutSecrets(logging.Filter):
    """Django puts the request beside what went wrong; its form may hold a password. Path and method are enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = record.__dict__.pop("request", None)
        path = getattr(request, "path", None)
        record.path = path and _LINK.sub(r"\1…", path)
        record.msg, record.args = _LINK.sub(r"\1…", record.getMessage()), ()
        record.method = getattr(request, "method", None)
        return True


class Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        write = log.error if record.levelno >= logging.ERROR else log.warning
        told = {"path": record.__dict__.get("path"), "method": record.__dict__.get("method")}
        error = record.exc_info[1] if record.exc_info else None
        write(
            "portal",
            logger=record.name,
            what=record.getMessage(),
            error=type(error).__name__ if error else None,
            exc_info=error,
            **told,
        )
