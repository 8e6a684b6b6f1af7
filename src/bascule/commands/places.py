"""From SOURCE, TARGET and FILE as typed to what the engines take; passwords included."""

import getpass
import hashlib
import os
import sys
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from pathlib import Path

import platformdirs

from bascule.commands.administrator import Administrator
from bascule.commands.options import SideOptions
from bascule.commands.passwords import password_in, password_of, warn_of_readers
from bascule.commands.terminal import say
from bascule.sources import Source
from bascule.sources.imap import ImapSource
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.location import Location, parse_location
from bascule.terms.own_files import COPY_MAILBOX as COPY_MAILBOX
from bascule.terms.printable import printable
from bascule.wire.imap import Credentials, ImapClient, Security, connect
from bascule.wire.limits import WireLimits


def secret_of(location: Location, side: str, options: SideOptions) -> Callable[[], str]:
    """The password: from its file, the environment, the URL (with a warning) or a prompt, in this order.

    The prompt comes now, once for each side: later a progress bar would write over it. Raises BasculeError (usage) where the file or the variable is empty.
    """
    variable = f"BASCULE_{side.upper()}_PASSWORD"
    if options.password_file:
        return _from_file(Path(options.password_file))
    if variable in os.environ:
        password_of(os.environ[variable], variable)
        return partial(os.environ.__getitem__, variable)
    if location.password is not None:
        say(
            f"bascule: the password in the {side}'s URL can be seen by other users of this machine; better use"
            f" --{side}-password-file or {variable}.",
            err=True,
        )
        return lambda: location.password or ""
    asked = _prompt(location, side, variable, options.admin)
    return lambda: asked


def _from_file(path: Path) -> Callable[[], str]:
    """Read anew at each sign-in, since a token in it is renewed; what is no regular file, as of a shell's <(…), can be read once only."""
    first = password_in(path)
    warn_of_readers(path)
    return partial(password_in, path) if path.is_file() else lambda: first


@lru_cache(maxsize=2)
def _prompt(location: Location, side: str, variable: str, admin: str) -> str:
    whose = f"of {printable(admin)}, to open {location}" if admin else f"for {location}"
    if not sys.stdin.isatty():
        raise BasculeError(
            f"No password {whose}.", f"Give --{side}-password-file, or set {variable}.", ExitStatus.USAGE
        )
    return getpass.getpass(f"Password {whose}: ")


def connector(location: Location, side: str, options: SideOptions) -> Callable[[], Awaitable[ImapClient]]:
    """What opens and signs in to a server."""
    credentials = Credentials(location.user, secret_of(location, side, options), options.admin, options.auth, side)
    security = Security(options.insecure, options.ca_file)
    limits = WireLimits(stall_seconds=options.timeout)

    async def open_as(who: Credentials) -> ImapClient:
        return await connect(location, who, security, compress=options.compress, limits=limits)

    return Administrator(location, credentials, open_as) if options.admin else partial(open_as, credentials)


def source_of(text: str, options: SideOptions, side: str = "source") -> Source:
    """Raises BasculeError (usage)."""
    location = parse_location(text)
    if location.is_imap:
        return ImapSource(str(location), connector(location, side, options), options.throttle)
    from bascule.sources.files import open_files  # twenty files, which a copy between servers need not load

    return open_files(location.scheme, Path(location.path))


def target_of(text: str, options: SideOptions) -> tuple[str, Callable[[], Awaitable[ImapClient]]]:
    """The target's name and what connects to it. Raises BasculeError (usage) for files: those are exported to."""
    location = parse_location(text)
    if not location.is_imap:
        raise BasculeError(
            f"{text} is not a server.", "Use “bascule capture” and “bascule export” to write files.", ExitStatus.USAGE
        )
    return str(location), connector(location, "target", options)


def require_two(source: str, target: str, *, then: str) -> None:
    """Raises BasculeError (usage) where both are one mailbox. ``then``: what would come of it."""
    one, other = parse_location(source), parse_location(target)
    if one.is_imap and other.is_imap and one.mailbox == other.mailbox:
        raise BasculeError(
            f"SOURCE and TARGET are one mailbox: {other}.", f"{then} Name the new one.", ExitStatus.USAGE
        )


def state_folder(source: str, target: str) -> Path:
    """Where `copy` remembers what it did, for this pair."""
    name = hashlib.sha256(f"{source}\0{target}".encode()).hexdigest()[:16]
    return Path(platformdirs.user_state_dir("bascule")) / "copy" / name
