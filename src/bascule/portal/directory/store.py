"""`bascule account`, where the portal keeps the accounts: the same commands on the same rows."""

import secrets
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q

from bascule.platform.accounts import Account
from bascule.platform.accounts.interface import Record
from bascule.portal.accounts import PortalAccounts
from bascule.portal.accounts.accounts import database_of
from bascule.portal.configuration import read_portal_settings
from bascule.portal.directory import provisioning
from bascule.portal.directory.models import Mailbox, Note, publish, this_node
from bascule.portal.shell.doors import keys, now
from bascule.terms.errors import BasculeError, ExitStatus


class PortalStore(PortalAccounts):
    """Implements `bascule.platform.accounts.AccountStore`."""

    @classmethod
    def open(cls, config: Path) -> "PortalStore":
        settings = read_portal_settings(config)
        return cls(
            database_of(settings),
            settings.platform.data / "accounts-notes.sqlite",
            lambda: now().timestamp(),
            settings.zone,
            settings.platform.node,
            settings.platform.trusted,
        )

    def add(self, login: str, password: str, **_: Any) -> Account:
        raise BasculeError(
            "Here the portal keeps the accounts: who has one, the institution's list says.",
            "Add a line to it, then: bascule campaign members LIST, and bascule campaign provision", ExitStatus.USAGE,
        )  # fmt: skip

    def change(self, login: str, **_: Any) -> Account:
        raise BasculeError(
            "Here the portal keeps the accounts: names and aliases are those of the institution's list.",
            "Change the line in it, then: bascule campaign members LIST", ExitStatus.USAGE,
        )  # fmt: skip

    def all(self) -> list[Record]:
        told = Mailbox.objects.filter(is_gone=False).select_related("wave").order_by("login")
        found = [(self.find(box.login), box) for box in told]
        return [Record(account, box.is_locked, box.wave.calendar()) for account, box in found if account is not None]

    def set_password(self, login: str, password: str, *, generated: bool = False) -> None:
        """A generated one is shown to the member on their page; a chosen one to nobody."""
        box = _box(login)
        with transaction.atomic():
            if generated:
                provisioning.renew(box, keys(), now(), password)
            else:
                provisioning.choose(box, password, now(), by_operator=True)
            _note("password-set", box)
        self.refresh()

    def set_locked(self, login: str, locked: bool) -> None:
        box = _box(login)
        with transaction.atomic():
            provisioning.lock(box, locked=locked)
            _note("locked" if locked else "unlocked", box)
        self.refresh()

    def set_quota(self, login: str, octets: int | None) -> None:
        box = _box(login)
        with transaction.atomic():
            box.quota_octets = octets
            box.save(update_fields=["quota_octets"])
            publish([box.pk])
            _note("quota-set", box)
        self.refresh()

    def let_send(self, owner: Account, member: Account, allowed: bool) -> None:
        box = _box(owner.login)
        with transaction.atomic():
            (box.senders.add if allowed else box.senders.remove)(member.id)
            publish([box.pk])
        self.refresh()

    def senders_as(self, owner: Account) -> list[Account]:
        found = [
            self.find(login) for login in _box(owner.login).senders.order_by("login").values_list("login", flat=True)
        ]
        return [account for account in found if account is not None]

    def exported(self, login: str) -> dict[str, object]:
        """Which mailbox it is: the rest stays in the portal's database, which its nodes share."""
        box = _box(login)
        return {"id": box.pk, "login": box.login, "parcel": secrets.token_hex(16)}

    def handed_over(self, told: dict[str, Any]) -> None:
        with transaction.atomic():
            Mailbox.objects.filter(pk=told["id"]).update(parcel=told["parcel"])
            _note("handed-over", _box(told["login"]))

    def taken_back(self, account: Account) -> None:
        """Raises BasculeError where another machine took it meanwhile."""
        if not Mailbox.objects.filter(pk=account.id, node=this_node()).update(parcel=""):
            raise _not_expected(account.login)

    def require_takeable(self, told: dict[str, Any]) -> None:
        """Raises BasculeError; so does `take`, which looks again."""
        if not Mailbox.objects.filter(_expected(told)).exists():
            raise _not_expected(str(told.get("login")))

    def take(self, told: dict[str, Any]) -> Account:
        """This machine is the mailbox's home from now on. Raises BasculeError."""
        with transaction.atomic():
            box = Mailbox.objects.select_for_update().filter(_expected(told)).first()
            if box is None:
                raise _not_expected(str(told.get("login")))
            box.node, box.parcel = this_node(), ""
            box.save(update_fields=["node", "parcel"])
            publish([box.pk])
            _note("taken-over", box)
        self.refresh()
        account = self.find(box.login)
        assert account is not None
        return account


def _expected(told: dict[str, Any]) -> Q:
    """The mailbox that is on its way in this very parcel: not an earlier one, nor one whose hand-over was cut off."""
    return Q(pk=told.get("id"), parcel=told.get("parcel") or None, is_gone=False)


def _not_expected(login: str) -> BasculeError:
    return BasculeError(
        f"This parcel of {login} is not expected here: it was taken over already, its hand-over was cut off, or it is of another portal.",
        "If the mailbox is in use nowhere, hand it over again on the machine where it was.", ExitStatus.USAGE,
    )  # fmt: skip


def _note(what: str, box: Mailbox) -> None:
    Note.objects.create(at=now(), by="command line", what=what, about=box.login)


def _box(login: str) -> Mailbox:
    found = Mailbox.objects.filter(login=login.lower(), is_gone=False).first()
    if found is None:
        raise BasculeError(f"There is no account {login}.", "See “bascule account list”.", ExitStatus.USAGE)
    return found
