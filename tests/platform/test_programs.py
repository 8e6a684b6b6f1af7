"""What programs and the DNS are told: read back by others than us (dnspython, plistlib, openssl, an XML parser)."""

import plistlib
import subprocess
from pathlib import Path
from xml.etree import ElementTree as Xml

import dns.rdatatype
import dns.zone
import pytest

from support.certificates import make_certificate
from support.command import bascule

DOMAIN = "univ-exemple.fr"
LISTEN = {
    "imap": 'listen = [":143"]\nlisten_tls = [":993", "127.0.0.1:1993"]',
    "submission": 'listen = ["[::]:587"]\nlisten_tls = [":465"]',
}


@pytest.fixture
def words(tmp_path: Path) -> tuple[object, ...]:
    """`bascule programs` of an installation with a certificate."""
    certificate, key = make_certificate(tmp_path)
    text = f'[server]\ndata = "data"\nhostname = "mail.{DOMAIN}"\n[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    config = tmp_path / "bascule.toml"
    config.write_text(text + "".join(f"[{section}]\n{lines}\n" for section, lines in LISTEN.items()))
    return ("programs", "--config", config)


def zone_of(printed: str, domain: str) -> dns.zone.Zone:
    return dns.zone.from_text(f"$TTL 3600\n@ IN SOA ns. host. 1 2 3 4 5\n@ IN NS ns.\n{printed}", origin=f"{domain}.")


def test_dns_records(tmp_path: Path, words: tuple[object, ...]) -> None:
    printed = bascule(tmp_path, *words, "dns", f"{DOMAIN.upper()}.").stdout
    zone = zone_of(printed, DOMAIN)

    def text(name: str, kind: str) -> str:
        return str(zone.find_rdataset(name, kind)[0].to_text())

    assert text("@", "MX") == "10 mail"
    assert text("_imaps._tcp", "SRV") == "0 1 993 mail"
    assert text("_imap._tcp", "SRV") == "10 1 143 mail"
    assert text("_submissions._tcp", "SRV") == "0 1 465 mail"
    assert text("_submission._tcp", "SRV") == "10 1 587 mail"
    assert text("_pop3s._tcp", "SRV") == "0 0 0 ."
    assert text("autoconfig", "CNAME") == "mail"
    key = zone.find_rdataset("bascule._domainkey", dns.rdatatype.TXT)[0]
    assert b"".join(key.strings).startswith(b"v=DKIM1; k=rsa; p=MII")
    assert bascule(tmp_path, *words, "dns", DOMAIN).stdout == printed


def test_autoconfig(tmp_path: Path, words: tuple[object, ...]) -> None:
    bascule(tmp_path, *words, "autoconfig", DOMAIN, "--name", "Université Exemple", "--out", tmp_path / "config.xml")
    provider = Xml.parse(tmp_path / "config.xml").getroot().find("emailProvider")
    assert provider is not None
    assert provider.findtext("displayName") == "Université Exemple"
    servers = [
        tuple(server.findtext(tag) for tag in ("hostname", "port", "socketType", "username"))
        for server in provider.findall("incomingServer") + provider.findall("outgoingServer")
    ]
    host = f"mail.{DOMAIN}"
    assert servers == [
        (host, "993", "SSL", "%EMAILADDRESS%"),
        (host, "143", "STARTTLS", "%EMAILADDRESS%"),
        (host, "465", "SSL", "%EMAILADDRESS%"),
        (host, "587", "STARTTLS", "%EMAILADDRESS%"),
    ]


def test_an_apple_profile_is_signed_with_the_servers_certificate(tmp_path: Path, words: tuple[object, ...]) -> None:
    address = f"anaïs@{DOMAIN}"
    bascule(tmp_path, *words, "mobileconfig", address, "--name", "Anaïs Lefèvre", "--out", tmp_path / "a.mobileconfig")
    opened = subprocess.run(
        ["openssl", "smime", "-verify", "-inform", "der", "-noverify", "-in", "a.mobileconfig"],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert b"successful" in opened.stderr
    bascule(
        tmp_path, *words, "mobileconfig", address, "--name", "Anaïs Lefèvre", "--unsigned", "--out", tmp_path / "plain"
    )
    assert opened.stdout == (tmp_path / "plain").read_bytes()
    profile = plistlib.loads(opened.stdout)
    (account,) = profile["PayloadContent"]
    assert account["EmailAddress"] == account["IncomingMailServerUsername"] == address
    assert (account["IncomingMailServerHostName"], account["IncomingMailServerPortNumber"]) == (f"mail.{DOMAIN}", 993)
    assert (account["OutgoingMailServerPortNumber"], account["OutgoingMailServerUseSSL"]) == (465, True)
    assert {"IncomingPassword", "OutgoingPassword"}.isdisjoint(account)


def test_what_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "bascule.toml").write_text('[server]\ndata = "data"\n[submission]\nlisten = []\n')
    words = ("programs", "--config", tmp_path / "bascule.toml")
    assert "Nothing is offered" in bascule(tmp_path, *words, "mobileconfig", "a@b.fr", status=2).stderr
    assert "is no domain" in bascule(tmp_path, *words, "dns", "a@b.fr", status=2).stderr
    told = bascule(tmp_path, *words, "mobileconfig", "a@b.fr", "--certificate", "x", status=2).stderr
    assert "go together" in told


def test_what_is_not_there_yet_is_not_denied_in_the_dns(tmp_path: Path) -> None:
    """Programs would remember that the domain has no IMAP."""
    config = tmp_path / "bascule.toml"
    config.write_text('[server]\ndata = "data"\nhostname = "mail.b.fr"\n')
    printed = bascule(tmp_path, "programs", "--config", config, "dns", "b.fr").stdout
    assert [line for line in printed.splitlines() if "SRV" in line] == [
        "_pop3._tcp.b.fr. IN SRV 0 0 0 .",
        "_pop3s._tcp.b.fr. IN SRV 0 0 0 .",
    ]
    assert printed.count("not served yet") == 4
    assert zone_of(printed, "b.fr").find_rdataset("_dmarc", "TXT")[0].to_text() == '"v=DMARC1; p=none"'


def test_where_one_way_is_served_the_other_is_denied(tmp_path: Path, words: tuple[object, ...]) -> None:
    config = tmp_path / "bascule.toml"
    config.write_text(
        config.read_text().replace('listen = [":143"]', "listen = []") + f'[smtp]\npostmaster = "it@{DOMAIN}"\n'
    )
    zone = zone_of(bascule(tmp_path, *words, "dns", DOMAIN).stdout, DOMAIN)
    assert zone.find_rdataset("_imap._tcp", "SRV")[0].to_text() == "0 0 0 ."
    assert zone.find_rdataset("_imaps._tcp", "SRV")[0].to_text() == "0 1 993 mail"
    assert f"rua=mailto:postmaster@{DOMAIN}" in zone.find_rdataset("_dmarc", "TXT")[0].to_text()
