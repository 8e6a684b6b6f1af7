"""Wake-ups through Huey: in the portal's PostgreSQL, or an SQLite file of its own. A lost one is made good by `working.Worker.reconcile`."""

import functools
import json
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from huey.api import Huey, PostgresHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer

from bascule.portal.configuration import PortalSettings

NAME = "bascule"
TASK = "perform"


class AsJson(Serializer):
    """A wake-up is a name and a number. Huey's own serializer is pickle: whoever writes to the queue could run code in a worker."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps([data.id, data.name, data.args]).encode()

    def _deserialize(self, data: bytes) -> Message:
        identity, name, (number,) = json.loads(bytes(data))
        return Message(identity, str(name), args=(int(number),), kwargs={}, retries=0, retry_delay=0)


def open_queue(portal: PortalSettings) -> Huey:
    """Raises the database's errors where it is away."""
    if portal.database is None:
        place = portal.platform.data / "run" / "wakeups.sqlite"
        place.parent.mkdir(parents=True, exist_ok=True)
        return SqliteHuey(NAME, filename=str(place), results=False, serializer=AsJson(), timeout=30)
    file = portal.database_password_file
    given = {"password": file.read_text("utf-8").strip()} if file else {}
    return PostgresHuey(NAME, dsn=portal.database, results=False, serializer=AsJson(), connect_timeout=5, **given)


def is_away(error: BaseException) -> bool:
    """Whether the queue's database, or its file, can't be used now; any other error is a bug, and is logged with its traceback."""
    psycopg = sys.modules.get("psycopg")  # a package of its own: where it is used, it is loaded
    drivers = (psycopg.OperationalError, psycopg.InterfaceError) if psycopg is not None else ()
    return isinstance(error, (sqlite3.Error, OSError, *drivers))


def task_of(queue: Huey, perform: Callable[[int], None]) -> Any:
    """``perform`` as Huey's task: calling it sends a wake-up. Huey names a task after the module of its function, which is this one for all."""

    def follow(number: int) -> None:
        perform(number)

    return queue.task(name=TASK)(follow)


@functools.cache
def _sender() -> Any:
    def elsewhere(number: int) -> None:
        raise AssertionError("this process only sends")

    return task_of(open_queue(settings.BASCULE), elsewhere)


def wake(number: int) -> None:
    """Some worker looks at row ``number`` now. Where the queue can't be reached, the row waits for the reconciler."""
    try:
        _sender()(number)
    except Exception as error:  # noqa: BLE001 - of two databases' drivers; nothing is lost with it
        structlog.get_logger().warning(
            "wake-up-not-sent", work=number, error=type(error).__name__, exc_info=not is_away(error)
        )
        _sender.cache_clear()
