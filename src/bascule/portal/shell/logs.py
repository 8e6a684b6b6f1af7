"""Django's log lines, as the servers write theirs; with nothing of a form in them."""

import logging

import structlog


class WithoutSecrets(logging.Filter):
    """Django puts the request beside what went wrong; its form may hold a password. Path and method are enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = record.__dict__.pop("request", None)
        record.path = getattr(request, "path", None)
        record.method = getattr(request, "method", None)
        return True


class Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        write = log.error if record.levelno >= logging.ERROR else log.warning
        told = {"path": record.__dict__.get("path"), "method": record.__dict__.get("method")}
        error = record.exc_info[1] if record.exc_info else None
        where = where_of(error) if error is not None else None
        write(
            "portal",
            logger=record.name,
            what=record.getMessage(),
            error=type(error).__name__ if error else None,
            where=where,
            **told,
        )


def where_of(error: BaseException) -> str:
    """The innermost line of ours: a message may hold what was typed, a place can't."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.startswith("bascule"):
            places.append(f"{name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-1] if places else ""
