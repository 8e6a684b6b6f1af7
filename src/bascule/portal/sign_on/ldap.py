"""Sign-on by the institution's directory: find the person by what they typed, then bind as them. RFC 4511, RFC 4513 §5.1.3

# An empty password would be an "unauthenticated bind", which many servers grant (RFC 4513 §5.1.2): it is refused here.
"""

import ssl
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from ldap3 import NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from bascule.portal.configuration import PortalSettings
from bascule.portal.directory.models import Member

SECONDS = 5
"""To connect, and for each answer: somebody waits at the screen."""


class DirectoryAway(Exception):
    """It can't be asked now. Raised through Django's `authenticate`, so that nothing is counted as a wrong password."""


class LdapBackend(BaseBackend):
    """The last that is asked: with local accounts one signs on also while the directory is away."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> Member | None:
        if not username or not password:
            return None
        try:
            sign_on = sign_on_of(settings.BASCULE, username.strip(), password)
        except (LDAPException, OSError) as error:
            structlog.get_logger().warning("ldap-away", error=str(error))
            raise DirectoryAway from error
        if sign_on is None:
            return None
        member = Member.objects.filter(sign_on=sign_on.lower()).first()
        if member is None and request is not None:
            request.not_on_the_list = sign_on
        return member if member is not None and member.is_active else None

    def get_user(self, user_id: int) -> Member | None:
        return Member.objects.present(user_id)


def connect(settings: PortalSettings, user: str, password: str) -> Connection:
    """Bound as ``user`` (a DN; empty: anonymous), by TLS but on loopback. Raises LDAPException."""
    parts = urlsplit(settings.ldap_uri)
    tls = Tls(validate=ssl.CERT_REQUIRED)
    server = Server(settings.ldap_uri, get_info=NONE, tls=tls, connect_timeout=SECONDS)
    connection = Connection(server, user or None, password or None, receive_timeout=SECONDS, raise_exceptions=False)
    connection.open()
    if parts.scheme == "ldap" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        connection.start_tls()
    connection.bind()
    return connection


def _password(settings: PortalSettings) -> str:
    file = settings.ldap_password_file
    return file.read_text("utf-8").strip() if file else ""


def sign_on_of(settings: PortalSettings, typed: str, password: str) -> str | None:
    """The sign-on name of whom ``typed`` names, if that is their password. Raises LDAPException where the directory can't be asked."""
    looking = connect(settings, settings.ldap_bind_dn, _password(settings))
    try:
        if not looking.bound and settings.ldap_bind_dn:
            raise LDAPException(f"the directory refuses {settings.ldap_bind_dn}")
        found = search(
            looking, settings, settings.ldap_filter.format(login=escape_filter_chars(typed)), [settings.ldap_sign_on]
        )
    finally:
        looking.unbind()
    if len(found) != 1:
        return None  # nobody, or not one person: nobody is guessed
    dn, attributes = found[0]
    person = connect(settings, dn, password)
    try:
        if not person.bound:
            return None
    finally:
        person.unbind()
    values = attributes.get(settings.ldap_sign_on) or [typed]
    return str(values[0])


def search(
    connection: Connection, settings: PortalSettings, criterion: str, attributes: list[str]
) -> list[tuple[str, dict[str, list[str]]]]:
    """(DN, attribute → values) of each entry. Raises LDAPException."""
    entries = connection.extend.standard.paged_search(
        settings.ldap_base, criterion, search_scope=SUBTREE, attributes=attributes, paged_size=500, generator=True
    )
    return [
        (entry["dn"], {name: _texts(values) for name, values in entry["attributes"].items()})
        for entry in entries
        if entry["type"] == "searchResEntry"
    ]


def _texts(values: Any) -> list[str]:
    return [str(value) for value in (values if isinstance(values, list) else [values])]
