"""Whoever keeps an installation's accounts, for the commands that change them."""

from pathlib import Path

from bascule.platform.accounts import AccountStore
from bascule.platform.accounts.opening import open_embedded
from bascule.platform.settings import read_settings


def open_store(config: Path) -> AccountStore:
    """To be closed. Raises BasculeError."""
    if not read_settings(config).has_portal:
        return open_embedded(config)
    from bascule.portal.start import migrate, start

    start(config)
    migrate()
    from bascule.portal.directory.store import PortalStore

    return PortalStore.open(config)
