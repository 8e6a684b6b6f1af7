"""`bascule account`, where the portal keeps the accounts: the same commands on the same rows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from bascule.platform.accounts import Account
from bascule.platform.accounts.interface import Record
from bascule.platform.accounts.passwords import hash_generated
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
        )

    def add(self, login: str, password: str, **_: Any) -> Account:
        raise BasculeError(
            "Here the portal keeps the accounts: who has one, the institution's list says.",
            "Add a line to it, then: bascule campaign members LIST, and bascule campaign provision", ExitStatus.USAGE,
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
                box.password, box.shown = hash_generated(password), keys().seal(password)
                box.password_at = datetime.now(UTC)
                box.save(update_fields=["password", "shown", "password_at"])
                publish([box.pk])
            else:
                provisioning.choose(box, password, now())
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
        return {"id": box.pk, "login": box.login}

    def take(self, told: dict[str, Any]) -> Account:
        """This machine is the mailbox's home from now on. Raises BasculeError where this portal does not know it."""
        with transaction.atomic():
            box = Mailbox.objects.select_for_update().filter(pk=told["id"], is_gone=False).first()
            if box is None:
                raise BasculeError(
                    f"This portal knows no mailbox {told['login']} of that number.", "Take it over where its portal is, or add the person to the list.", ExitStatus.USAGE
                )  # fmt: skip
            box.node = this_node()
            box.save(update_fields=["node"])
            publish([box.pk])
            _note("taken-over", box)
        self.refresh()
        account = self.find(box.login)
        assert account is not None
        return account


def _note(what: str, box: Mailbox) -> None:
    Note.objects.create(at=now(), by="command line", what=what, about=box.login)


def _box(login: str) -> Mailbox:
    found = Mailbox.objects.filter(login=login.lower(), is_gone=False).first()
    if found is None:
        raise BasculeError(f"There is no account {login}.", "See “bascule account list”.", ExitStatus.USAGE)
    return found
