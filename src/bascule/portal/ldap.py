"""The institution's directory, asked over LDAP: by sign-on, and for the list of members. RFC 4511"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ldap3 import NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from bascule.portal.configuration import PortalSettings

SECONDS = 5
"""To connect, and for each answer: somebody waits at the screen."""
AT_ONCE = 500
"""Entries of one answer. RFC 2696"""


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


@contextmanager
def reader(settings: PortalSettings) -> Iterator[Connection]:
    """A connection of whoever may look for people. Raises LDAPException where the directory can't be asked."""
    file = settings.ldap_password_file
    looking = connect(settings, settings.ldap_bind_dn, file.read_text("utf-8").strip() if file else "")
    try:
        if not looking.bound and settings.ldap_bind_dn:
            raise LDAPException(f"the directory refuses {settings.ldap_bind_dn}")
        yield looking
    finally:
        looking.unbind()


def criterion_of(settings: PortalSettings, typed: str) -> str:
    """The one writer of a filter: whom ``typed`` names, whatever is in it. RFC 4515 §3"""
    return settings.ldap_filter.format(login=escape_filter_chars(typed.encode("utf-8", "replace").decode()))


def search(
    connection: Connection, settings: PortalSettings, criterion: str, attributes: list[str]
) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """(DN, attribute → values) of each entry, as they come. Raises LDAPException."""
    entries = connection.extend.standard.paged_search(
        settings.ldap_base, criterion, search_scope=SUBTREE, attributes=attributes, paged_size=AT_ONCE, generator=True
    )
    for entry in entries:
        if entry["type"] == "searchResEntry":
            yield entry["dn"], {name: _texts(values) for name, values in entry["attributes"].items()}


def _texts(values: Any) -> list[str]:
    return [str(value) for value in (values if isinstance(values, list) else [values])]
