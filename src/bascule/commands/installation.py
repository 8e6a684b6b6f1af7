"""The installation that a command is for: its option, and what commands look at in it as a whole."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

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


class OfAnInstallation(click.Group):
    """Commands of an installation. What they say of themselves needs none: no settings, no database."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for place, word in enumerate(args):
            command = self.get_command(ctx, word)
            if command is not None:
                rest = args[place + 1 :]
                if not set(ctx.help_option_names).isdisjoint(rest):
                    command.make_context(word, list(rest), parent=ctx)  # prints it, and ends
                break
        return super().parse_args(ctx, args)


def _of_its_user(context: click.Context, option: click.Parameter, config: Path) -> Path:
    """Raises BasculeError for root, where the installation is another's."""
    if not context.resilient_parsing:
        require_its_user(config)
    return config


CONFIG = click.option(
    "--config",
    callback=_of_its_user,
    type=click.Path(path_type=Path),
    default=Path("bascule.toml"),
    show_default=True,
    help="The settings: see docs/configuration.md.",
)
