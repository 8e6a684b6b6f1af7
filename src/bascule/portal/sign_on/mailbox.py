"""Sign-on with the new mailbox's address and password: the web's door of the new platform, open from T on as all others are."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from bascule.platform.accounts import SignInRefused, Why
from bascule.portal.directory.models import Member
from bascule.portal.shell.doors import accounts


class MailboxBackend(BaseBackend):
    """Only names a session's way in; `member_by_mailbox` is what asks: a "not yet" must not count as a wrong password."""

    def authenticate(self, request: HttpRequest | None, **_: Any) -> None:
        return None

    def get_user(self, user_id: int) -> Member | None:
        return Member.objects.present(user_id)


def member_by_mailbox(login: str, password: str, peer: str) -> Member | None:
    """Who signs in to a mailbox with that; None: no such mailbox, or not its password, or nobody's own. Raises SignInRefused (anything but
    a wrong password), AccountsUnavailable. It takes as long for an address that nobody has."""
    if "@" not in login or not password:
        return None
    try:
        account = accounts().sign_in(login, password, peer)
    except SignInRefused as refused:
        if refused.why is Why.WRONG:
            return None
        raise
    member = Member.objects.filter(mailbox_id=account.id).first()
    return member if member is not None and member.is_active else None
