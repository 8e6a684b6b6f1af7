"""Whoever keeps an installation's accounts, for the commands that change them."""

from pathlib import Path

from bascule.commands.terminal import say, so_many
from bascule.platform.accounts import AccountStore
from bascule.platform.accounts.opening import open_embedded
from bascule.platform.settings import read_settings


def open_store(config: Path) -> AccountStore:
    """To be closed. Raises BasculeError."""
    if not read_settings(config).has_portal:
        return open_embedded(config)
    ready_portal(config)
    from bascule.portal.directory.store import PortalStore

    return PortalStore.open(config)


def ready_portal(config: Path) -> None:
    """Django is set up and the database of this version. What became of accounts from before the portal is said, once. Raises BasculeError."""
    from bascule.portal.start import migrate, start

    start(config)
    adopted = migrate()
    if adopted.taken:
        say(f"The portal took over {so_many(len(adopted.taken), 'account')} of before: {', '.join(adopted.taken)}. They are open as they were, and sign on with their address and mail password.", err=True)  # fmt: skip
    for login, identity in adopted.refused.items():
        say(
            f"{login}, of before the portal, stays behind: one of its addresses is somebody else's in the portal.",
            f"  Its mail is in mailboxes/{identity}.mailbox of the data folder; bascule deliver brings it to a mailbox.", err=True,
        )  # fmt: skip
