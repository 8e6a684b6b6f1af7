"""What commands look at in an installation as a whole."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bascule.platform.ownership import refuse_root
from bascule.platform.permissions import Finding, findings
from bascule.platform.settings import read_settings


def open_to_everybody(config: Path) -> Iterator[Finding]:
    """What everybody on this machine can read of it. Raises BasculeError where the settings are wrong."""
    settings = read_settings(config)
    if not settings.has_portal:
        return findings(settings)
    from bascule.portal.configuration import read_portal_settings

    return findings(settings, read_portal_settings(config).secret_files)


def require_its_user(config: Path) -> None:
    """Nobody but its own user works in an installation, root least of all: see `bascule.platform.ownership.refuse_root`. Raises BasculeError."""
    refuse_root(read_settings(config).data, [shutil.which("bascule") or sys.argv[0], *sys.argv[1:]])
