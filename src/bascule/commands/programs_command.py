"""``bascule programs``"""

import sys
from pathlib import Path

import click

from bascule.commands.installation import CONFIG, OfAnInstallation
from bascule.commands.terminal import say
from bascule.platform.programs import autoconfig, mobileconfig, offers, sign, zone_records
from bascule.platform.settings import Settings, read_settings
from bascule.platform.smtp.dkim import Signer
from bascule.terms.errors import BasculeError, ExitStatus

_OUT = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead.")


@click.group("programs", cls=OfAnInstallation)
@CONFIG
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Print what people's mail programs need: DNS records, autoconfig, Apple profiles."""
    context.obj = read_settings(config)


@command.command("dns")
@click.argument("domain")
@click.pass_obj
def dns(settings: Settings, domain: str) -> int:
    """Print the records of DOMAIN, as lines of a zone file: MX, SPF, DKIM, DMARC, and where programs find IMAP and submission (RFC 6186)."""
    signer = Signer(settings.dkim_key or settings.data / "dkim.pem", settings.dkim_selector)
    if not any(offer.encrypted for offer in offers(settings)):
        say("No service is offered to programs yet: listen on public ports, with a certificate.", err=True)
    for line in zone_records(
        _domain(domain), settings.hostname, offers(settings), (settings.dkim_selector, signer.record()),
        has_postmaster=settings.postmaster is not None,
    ):  # fmt: skip
        say(line)
    return 0


@command.command("autoconfig")
@click.argument("domain")
@click.option("--name", default="", help="What programs call you: “Université Exemple”.")
@_OUT
@click.pass_obj
def autoconfig_(settings: Settings, domain: str, name: str, out: Path | None) -> int:
    """Print the file by which Thunderbird and others set themselves up; serve it at http://autoconfig.DOMAIN/mail/config-v1.1.xml."""
    _write(autoconfig(_domain(domain), offers(settings), name), out)
    return 0


@command.command("mobileconfig")
@click.argument("address")
@click.option("--name", default="", help="The person's name.")
@click.option("--organization", default="", help="Who the profile is from: “Université Exemple”.")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    help="Sign it with this one (PEM); otherwise with the server's own.",
)
@click.option("--key", type=click.Path(path_type=Path), help="The certificate's key (PEM).")
@click.option("--unsigned", is_flag=True, help="Do not sign it.")
@_OUT
@click.pass_obj
def mobileconfig_(
    settings: Settings, address: str, name: str, organization: str, certificate: Path | None, key: Path | None, unsigned: bool, out: Path | None
) -> int:  # fmt: skip
    """Make the profile by which an iPhone, iPad or Mac sets up ADDRESS. It holds no password."""
    if (certificate is None) != (key is None):
        raise BasculeError("A certificate and its key go together.", "Give --certificate and --key.", ExitStatus.USAGE)
    profile = mobileconfig(address.lower(), offers(settings), name=name, organization=organization)
    certificate, key = certificate or settings.certificate, key or settings.key
    if certificate is not None and key is not None and not unsigned:
        profile = sign(profile, certificate, key)
    _write(profile, out)
    return 0


def _domain(text: str) -> str:
    domain = text.strip().rstrip(".").lower()
    if not domain or "@" in domain or "/" in domain or " " in domain:
        raise BasculeError(f"“{text}” is no domain.", "Write univ-exemple.fr.", ExitStatus.USAGE)
    return domain


def _write(octets: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
        return
    try:
        is_new = not out.exists()
        out.write_bytes(octets)
        if is_new:
            out.chmod(0o644)  # others hand it out: a web server, whoever looks after the zone
    except OSError as error:
        raise BasculeError(
            f"{out} can't be written: {error.strerror}.", "Name another file.", ExitStatus.USAGE
        ) from error
    say(f"{out} is written.")
