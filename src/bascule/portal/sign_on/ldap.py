"""Sign-on by the institution's directory: find the person by what they typed, then bind as them. RFC 4513 §5.1.3

# An empty password would be an "unauthenticated bind", which many servers grant (RFC 4513 §5.1.2): it is refused here.
"""

import uuid
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from ldap3.core.exceptions import LDAPException

from bascule.portal.configuration import PortalSettings
from bascule.portal.directory.models import Member
from bascule.portal.ldap import connect, criterion_of, reader, search


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


def sign_on_of(settings: PortalSettings, typed: str, password: str) -> str | None:
    """The sign-on name of whom ``typed`` names, if that is their password. Where it names nobody, as much is asked: how long an answer takes does not tell
    whom there is. Raises LDAPException where the directory can't be asked."""
    with reader(settings) as looking:
        found = list(search(looking, settings, criterion_of(settings, typed), [settings.ldap_sign_on]))
    # Not one person: nobody is guessed; and an entry without a name would be an anonymous bind.
    is_one = len(found) == 1 and bool(found[0][0])
    dn, attributes = found[0] if is_one else (f"cn={uuid.uuid4()},{settings.ldap_base}", {})
    person = connect(settings, dn, password)
    try:
        if not (is_one and person.bound):
            return None
    finally:
        person.unbind()
    values = attributes.get(settings.ldap_sign_on) or [typed]
    return str(values[0])
