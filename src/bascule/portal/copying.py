"""The portal's database as one SQLite file, and back: for the backup of an installation that keeps it in PostgreSQL, and for who changes from one to the other.

The file is a portal database like any other: what it leaves out, sessions, nobody misses.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction

from bascule.portal.configuration import PortalSettings
from bascule.portal.directory.models import Member
from bascule.terms.errors import BasculeError, ExitStatus

NAME = "portal.sqlite"
"""Of the file, in a backup and in the data folder of an installation that has no PostgreSQL."""
KEYS = "keys/portal.json"
FILE = "file"
"""The name by which Django knows the file's database."""
AT_ONCE = 1000
_LEFT_OUT = {"auth", "contenttypes", "sessions"}
"""Apps whose rows are made anew, or forgotten."""


def back_up(portal: PortalSettings, backup: Path) -> None:
    """What of the portal lies outside the data folder: PostgreSQL, and keys in a place of their own. Raises django.db.Error, OSError."""
    if portal.database is not None:
        write_file(backup / NAME)
    if portal.keys is not None:
        (backup / KEYS).parent.mkdir(exist_ok=True, mode=0o700)
        shutil.copy2(portal.keys, backup / KEYS)


def require_empty() -> None:
    """Raises BasculeError where somebody is in the database already."""
    call_command("migrate", verbosity=0, interactive=False)
    if Member.objects.exists():
        raise BasculeError("The portal's database has members already.", "Name an empty one in [portal] database.", ExitStatus.USAGE)  # fmt: skip


def restore(portal: PortalSettings) -> None:
    """After the data folder was restored: what of the portal belongs elsewhere goes there. Raises BasculeError, django.db.Error, OSError."""
    data = portal.platform.data
    if portal.keys is not None and (data / KEYS).exists():
        portal.keys.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(data / KEYS, portal.keys)
    if portal.database is not None and (data / NAME).exists():
        read_file(data / NAME)
        (data / NAME).unlink()


def write_file(target: Path) -> int:
    """All rows at one instant, into ``target``, which is replaced as a whole; how many. Raises django.db.Error, OSError."""
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    with _opened(partial):
        call_command("migrate", database=FILE, verbosity=0, interactive=False)
        with transaction.atomic():
            if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
                with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            count = _copy(DEFAULT_DB_ALIAS, FILE)
    os.replace(partial, target)
    return count


def read_file(source: Path) -> int:
    """All rows of ``source`` into the installation's database, in one transaction; how many. Raises BasculeError where somebody is in it already."""
    require_empty()
    with _opened(source):
        call_command("migrate", database=FILE, verbosity=0, interactive=False)
        return _copy(FILE, DEFAULT_DB_ALIAS)


@contextmanager
def _opened(place: Path) -> Iterator[None]:
    settings = {
        **connections.databases[DEFAULT_DB_ALIAS],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(place),
        "OPTIONS": {},
    }
    connections.databases[FILE] = settings
    try:
        yield
    finally:
        connections[FILE].close()
        del connections[FILE]
        del connections.databases[FILE]


def _models() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in _LEFT_OUT and model._meta.managed and not model._meta.proxy
    ]


def _copy(source: str, target: str) -> int:
    """Keys are checked when the transaction ends, so that the order of tables does not matter."""
    count = 0
    with transaction.atomic(using=target):
        for model in _models():
            model._base_manager.using(target).all().delete()  # what migrations wrote
        for model in _models():
            rows = model._base_manager.using(source).order_by("pk").iterator(AT_ONCE)
            for group in _groups(rows):
                model._base_manager.using(target).bulk_create(group)
                count += len(group)
    statements = connections[target].ops.sequence_reset_sql(no_style(), _models())
    with connections[target].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    return count


def _groups(rows: Iterator[models.Model]) -> Iterator[list[models.Model]]:
    group: list[models.Model] = []
    for row in rows:
        row._state.adding = True
        group.append(row)
        if len(group) == AT_ONCE:
            yield group
            group = []
    if group:
        yield group
