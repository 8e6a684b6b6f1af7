"""Which accounts a process goes by. The supervisor's orders name a function, "module:function", that opens them: the platform need not know who keeps them."""

import importlib
from collections.abc import Callable
from pathlib import Path

from bascule.platform.accounts.embedded import EmbeddedAccounts
from bascule.platform.accounts.interface import Accounts
from bascule.platform.clock import Clock
from bascule.platform.settings import read_settings

EMBEDDED = "bascule.platform.accounts.opening:open_embedded"


def open_embedded(config: Path) -> EmbeddedAccounts:
    """Of the installation of ``config``. Raises BasculeError where the file is wrong."""
    settings = read_settings(config)
    clock = Clock(settings.rehearsal_clock)
    return EmbeddedAccounts(
        settings.data / "accounts.sqlite", clock=clock, zone=settings.zone, side=settings.side, trusted=settings.trusted
    )


def function_of(name: str) -> Callable[[Path], Accounts]:
    """``name``: "module:function". Loads the module."""
    module, _, function = name.partition(":")
    found: Callable[[Path], Accounts] = getattr(importlib.import_module(module), function)
    return found


def open_accounts(name: str, config: Path) -> Accounts:
    """``name``: see `function_of`. Raises BasculeError where the file is wrong."""
    return function_of(name)(config)
