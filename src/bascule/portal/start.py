"""Django, made ready for one installation in this process."""

import os
from pathlib import Path

import django
from django.core.management import call_command

from bascule.platform.node import keep_node


def start(config: Path) -> None:
    """Set Django up for the installation of ``config``. Raises BasculeError where the file is wrong; once for each process."""
    os.environ["BASCULE_CONFIG"] = str(config.absolute())
    os.environ["DJANGO_SETTINGS_MODULE"] = "bascule.portal.django_settings"
    django.setup()


def migrate() -> None:
    """Bring the database to this version's tables; what it holds stays, and so does this machine's name. Raises django.db.Error, BasculeError."""
    from django.conf import settings

    platform = settings.BASCULE.platform
    keep_node(platform.data, platform.node)
    call_command("migrate", verbosity=0, interactive=False)
