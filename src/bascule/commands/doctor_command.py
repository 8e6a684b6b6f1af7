"""``bascule doctor``"""

import datetime
import importlib.util
import platform
import shutil
import sqlite3
import tempfile
from pathlib import Path

import click

from bascule import __version__
from bascule.commands.installation import open_to_everybody, require_its_user
from bascule.commands.terminal import say
from bascule.deliver.proof.certificate import key_path, own_fingerprint
from bascule.platform.ownership import require_access
from bascule.platform.settings import Settings, read_settings
from bascule.platform.worker import certificate_of
from bascule.terms.errors import BasculeError

DEFAULT = Path("bascule.toml")
_FREE_OCTETS = 2_000_000_000
"""Below this a capture of any size soon ends with a full disk."""


@click.command("doctor")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The settings of an installation, which is looked at as well; bascule.toml, where there is one here.",
)
def command(config: Path | None) -> int:
    """Tell what is installed, what is missing, and what that means; of an installation, whether others on this machine can read it, its own user can write it, and its
    certificate holds."""
    good = True
    say(f"Bascule {__version__}, Python {platform.python_version()}, {platform.platform()}")
    good &= _say(
        "SQLite with full-text search", _has_fts5(), f"SQLite {sqlite3.sqlite_version}", "search will not work"
    )
    free = shutil.disk_usage(Path.cwd()).free
    good &= _say("Disk", free > _FREE_OCTETS, f"{free / 1e9:.0f} GB free here", "less than 2 GB free here")
    spool = shutil.disk_usage(tempfile.gettempdir()).free
    good &= _say(
        "Temporary files", spool > _FREE_OCTETS, f"{spool / 1e9:.0f} GB free", "large messages need room there"
    )
    _say(
        "PST files",
        importlib.util.find_spec("pypff") is not None,
        "readable",
        "pip install 'bascule[pst]' to read them",
    )
    good &= _say_key()
    if config is not None or DEFAULT.exists():
        good &= _say_installation(config or DEFAULT)
    say("All is well." if good else "Something needs your attention: see the lines marked with “!”.")
    return 0 if good else 1


def _say_key() -> bool:
    path = key_path()
    if not path.exists():
        return _say("Signing key", True, f"{path} (made with the first report)", "")
    try:
        return _say("Signing key", True, f"{path}, with the fingerprint {own_fingerprint()}", "")
    except (OSError, ValueError, BasculeError) as error:
        return _say("Signing key", False, "", f"{path} can't be used: {error}")


def _say_installation(config: Path) -> bool:
    """Raises BasculeError where the settings are wrong."""
    settings = read_settings(config)
    found = list(open_to_everybody(config))
    for each in found:
        _say("Installation", False, "", f"{each.what} Do: {each.advice}")
    good = not found and _say("Installation", True, f"{config}; nobody else on this machine can read it", "")
    good &= _say_users(config, settings)
    return good & _say_certificate(settings)


def _say_users(config: Path, settings: Settings) -> bool:
    """What root can read and write says nothing of what the installation's own user can."""
    try:
        require_its_user(config)
        require_access(settings.data)
    except BasculeError as error:
        return _say("User", False, "", str(error))
    return True


def _say_certificate(settings: Settings) -> bool:
    try:
        certificate = certificate_of(settings)
    except BasculeError as error:
        return _say("Certificate", False, "", str(error))
    if certificate is None:
        return _say("Certificate", True, "none: programs on other machines can't sign in", "")
    wrong = certificate.what_programs_will_say(datetime.datetime.now(datetime.UTC))
    return _say("Certificate", not wrong, str(settings.certificate), f"{wrong} Do: renew it.")


def _say(what: str, is_good: bool, good: str, bad: str) -> bool:
    say(f"{' ' if is_good else '!'} {what}: {good if is_good else bad}")
    return is_good


def _has_fts5() -> bool:
    with sqlite3.connect(":memory:") as database:
        return any(name == "ENABLE_FTS5" for (name,) in database.execute("PRAGMA compile_options"))
