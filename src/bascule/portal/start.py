"""Django, made ready for one installation in this process."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.core.management import call_command

from bascule.platform.node import keep_node

if TYPE_CHECKING:
    from bascule.portal.directory.adopting import Adopted


def start(config: Path) -> None:
    """Set Django up for the installation of ``config``. Raises BasculeError where the file is wrong; once for each process."""
    os.environ["BASCULE_CONFIG"] = str(config.absolute())
    os.environ["DJANGO_SETTINGS_MODULE"] = "bascule.portal.django_settings"
    django.setup()


def migrate() -> "Adopted":
    """Bring the database to this version's tables; what it holds stays, and so does this machine's name. Accounts that were there before the portal
    come into it (`bascule.portal.directory.adopting`). Raises django.db.Error, sqlite3.Error, BasculeError."""
    from django.conf import settings

    platform = settings.BASCULE.platform
    keep_node(platform.data, platform.node)
    call_command("migrate", verbosity=0, interactive=False)
    from bascule.portal.directory.adopting import adopt

    return adopt(platform.data)
