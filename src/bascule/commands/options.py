"""Options that several commands share, and what they become."""

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import click

from bascule.capture import Selection
from bascule.commands.terminal import say
from bascule.deliver import DeliverOptions, DeliveryOptions, VerifyLevel
from bascule.deliver.limits import SETTLE_SECONDS
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.folder import FolderPath
from bascule.terms.size import parse_size
from bascule.wire.backoff import Throttle

F = TypeVar("F", bound=Callable[..., Any])


def _all(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def side_options(side: str) -> Callable[[F], F]:
    """How to sign in to the source or to the target."""
    return _all(
        click.option(
            f"--{side}-password-file",
            type=click.Path(exists=True, dir_okay=False),
            help=f"File with the {side}'s password.",
        ),
        click.option(f"--{side}-admin", default="", help=f"Sign in to the {side} as this administrator."),
        click.option(
            f"--{side}-auth",
            type=click.Choice(["auto", "plain", "login", "xoauth2", "oauthbearer"]),
            default="auto",
            show_default=True,
            help=f"How to sign in to the {side}; with OAuth the password is the token.",
        ),
    )


def _warned_of(context: click.Context, option: click.Parameter, insecure: bool) -> bool:
    if insecure:
        say(
            "bascule: --insecure: whoever stands between this machine and the servers can read passwords and mail.",
            err=True,
        )
    return insecure


def _with_certificates(context: click.Context, option: click.Parameter, file: str | None) -> str | None:
    """Raises BasculeError (usage) for a file in which OpenSSL finds none."""
    if file is None:
        return None
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        with contextlib.suppress(ssl.SSLError):  # then it has loaded none, which is told below
            trusted.load_verify_locations(file)
    except OSError as error:
        raise BasculeError(f"{file} can't be read: {error.strerror}.", "", ExitStatus.USAGE) from error
    if not trusted.cert_store_stats()["x509"]:
        advice = "Give the certificate of the server's authority to --ca-file, as text that begins with -----BEGIN CERTIFICATE-----."
        raise BasculeError(f"{file} holds no certificate (PEM).", advice, ExitStatus.USAGE)
    return file


connection_options = _all(
    click.option(
        "--insecure",
        is_flag=True,
        callback=_warned_of,
        help="Accept clear text beyond this machine, and any certificate.",
    ),
    click.option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False),
        callback=_with_certificates,
        help="Certificates (PEM) to trust as well.",
    ),
    click.option(
        "--connections", type=click.IntRange(1, 20), default=3, show_default=True, help="Connections to each side."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(1),
        default=120.0,
        show_default=True,
        help="Seconds without an answer that end a connection.",
    ),
    click.option("--compress", is_flag=True, help="Compress what goes over the wire, where the server can."),
)
speed_options = _all(
    click.option("--max-messages", type=float, default=0.0, metavar="N", help="At most N messages a second."),
    click.option("--max-rate", default="", metavar="SIZE", help="At most SIZE octets a second (500k, 2M)."),
)
folder_options = _all(
    click.option(
        "--folder", "folders", multiple=True, metavar="PATTERN", help="Only these folders (Archive/*). May be repeated."
    ),
    click.option(
        "--without-folder",
        "without_folders",
        multiple=True,
        metavar="PATTERN",
        help="Not these folders. May be repeated.",
    ),
)
selection_options = _all(
    folder_options,
    click.option(
        "--since",
        type=click.DateTime(["%Y-%m-%d"]),
        metavar="YYYY-MM-DD",
        help="Only what arrived on or after this day.",
    ),
    click.option(
        "--before", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="Only what arrived before this day."
    ),
    click.option("--max-size", default="", metavar="SIZE", help="Nothing larger than this (25M)."),
)
place_options = _all(
    click.option(
        "--prefix",
        default="",
        metavar="NAME",
        help="Put folders below this one of the target: not INBOX (that, too, with --rename INBOX=NAME), nor what the target has "
        "a folder of its own for (Sent, Trash). Counts when a folder is first copied.",
    ),
    click.option(
        "--rename",
        "renames",
        multiple=True,
        metavar="OLD=NEW",
        help="Put folder OLD into NEW, when it is first copied. May be repeated.",
    ),
)
same_person_option = click.option(
    "--same-person",
    is_flag=True,
    help="What is kept came from here, though user, server or path had another name before.",
)
deliver_options = _all(
    place_options,
    click.option(
        "--verify",
        type=click.Choice(["none", "delivered", "full"]),
        default="delivered",
        show_default=True,
        help="What to read back: nothing; size, date and flags (and doubtful messages in full); every octet.",
    ),
    click.option(
        "--mend",
        is_flag=True,
        help="Send what the target refuses without NUL, bare CR, broken header lines and refused keywords; each is named.",
    ),
    click.option(
        "--settle",
        type=float,
        default=SETTLE_SECONDS,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for a batch that was cut.",
    ),
)


def language_option(what: str) -> Callable[[F], F]:
    """``what``: that which is in this language."""
    return click.option("--language", type=click.Choice(["en", "fr"]), help=f"{what}; else as your locale says.")


report_options = _all(
    click.option("--report", "report_dir", type=click.Path(file_okay=False), help="Folder for the report's files."),
    language_option("Of the report"),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON report last."),
    click.option("--quiet", is_flag=True, help="No progress."),
)


@dataclass(frozen=True, slots=True)
class SideOptions:
    """What `side_options` and `connection_options` say of one side."""

    password_file: str | None = None
    admin: str = ""
    auth: str = "auto"
    insecure: bool = False
    ca_file: str = ""
    compress: bool = False
    timeout: float = 120.0
    throttle: Throttle = field(default_factory=Throttle)

    @classmethod
    def of(cls, side: str, values: dict[str, Any]) -> "SideOptions":
        throttle = Throttle(values.get("max_messages", 0.0), octets_of(values.get("max_rate", ""), "--max-rate") or 0)
        return cls(
            values[f"{side}_password_file"],
            values[f"{side}_admin"],
            values[f"{side}_auth"],
            values["insecure"],
            values["ca_file"] or "",
            values["compress"],
            values["timeout"],
            throttle,
        )


def octets_of(text: str, option: str) -> int | None:
    """``25M`` as octets; None for nothing. Raises BasculeError (usage)."""
    if not text:
        return None
    try:
        return parse_size(text)
    except ValueError as error:
        raise BasculeError(f"{option} {text} is not a size.", "Write 500k, 25M or 2G.", ExitStatus.USAGE) from error


def selection_of(values: dict[str, Any]) -> Selection:
    since, before = values["since"], values["before"]
    return Selection(
        folders=tuple(values["folders"]),
        without_folders=tuple(values["without_folders"]),
        since=_local(since),
        before=_local(before),
        max_octets=octets_of(values["max_size"], "--max-size"),
    )


def _local(day: datetime | None) -> datetime | None:
    return day.astimezone() if day is not None else None


def renames_of(values: dict[str, Any]) -> dict[FolderPath, FolderPath]:
    """What ``--rename`` says. Raises BasculeError (usage)."""
    renames = {}
    for text in values["renames"]:
        old, equals, new = text.partition("=")
        if not (equals and old.strip("/") and new.strip("/")):
            raise BasculeError(
                f"--rename {text} is not OLD=NEW.", "Write --rename 'Sent Items=Sent'.", ExitStatus.USAGE
            )
        renames[FolderPath.split(old, "/")] = FolderPath.split(new, "/")
    return renames


def deliver_options_of(values: dict[str, Any], selection: Selection | None = None) -> DeliverOptions:
    level = VerifyLevel[values["verify"].upper()]
    return DeliverOptions(
        connections=values["connections"],
        delivery=DeliveryOptions(verify=level, settle_seconds=values["settle"], mend=values["mend"]),
        prefix=values["prefix"],
        renames=renames_of(values),
        takes_folder=selection.takes_folder if selection else lambda path: True,
    )
