"""Waves, members, mailboxes and their addresses: the one place where they are kept.

`Revision` numbers every change of what the mail servers ask (`bascule.portal.accounts`): whoever changes it calls `publish` in the same
transaction, and the servers read the rows whose number is new to them.
"""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from bascule.portal.directory.kinds import SEEN, What
from bascule.portal.prepared import Prepared
from bascule.terms.phases import CalendarError, MemberCalendar


def new_id() -> str:
    return uuid.uuid4().hex


def this_node() -> str:
    """This machine's name (`bascule.platform.node`)."""
    name: str = settings.BASCULE.platform.node
    return name


class Wave(models.Model):
    """Members who switch at the same instant. All instants are kept in UTC."""

    name = models.SlugField(_("name"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    is_pilot = models.BooleanField(_("goes first, to try"), default=False)
    credentials_open = models.DateTimeField(_("credentials open"))
    switch = models.DateTimeField(_("switch"))
    all_assistance = models.DateTimeField(_("full assistance"))
    archive_closes = models.DateTimeField(_("archive closes"))
    backup_destroyed = models.DateTimeField(_("backup is destroyed"))

    class Meta:
        ordering: ClassVar = ["switch", "name"]

    def __str__(self) -> str:
        return self.title or self.name

    def calendar(self) -> MemberCalendar:
        """Raises CalendarError where its instants contradict each other."""
        return MemberCalendar(
            self.credentials_open, self.switch, self.all_assistance, self.archive_closes, self.backup_destroyed
        )

    def clean(self) -> None:
        try:
            self.calendar()
        except CalendarError as error:
            names = {
                each: str(self._meta.get_field(each).verbose_name) for each in (error.earlier, error.later) if each
            }
            told = {"earlier": names[error.earlier], "later": names[error.later]}
            raise ValidationError(
                _("“%(later)s” must come after “%(earlier)s”. Change one of the two.") % told
            ) from error

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whoever goes by it learns of it. Raises CalendarError; then nothing is changed."""
        self.calendar()
        with transaction.atomic():
            super().save(*args, **kwargs)
            publish(())


class Role(StrEnum):
    MEMBER = "member"
    TECHNICIAN = "technician"
    OPERATOR = "operator"
    AUDITOR = "auditor"


ROLE_NAMES = {
    Role.MEMBER: _("member"),
    Role.TECHNICIAN: _("technician"),
    Role.OPERATOR: _("operator"),
    Role.AUDITOR: _("auditor"),
}


class MemberState(StrEnum):
    PRESENT = "present"
    LEFT = "left"
    COMPROMISED = "compromised"


MEMBER_STATE_NAMES = {
    MemberState.PRESENT: _("present"),
    MemberState.LEFT: _("left"),
    MemberState.COMPROMISED: _("account compromised"),
}


class Mailbox(models.Model):
    """An account of the new platform; its id names the mailbox there and never changes."""

    class Kind(StrEnum):
        PERSONAL = "personal"
        FUNCTIONAL = "functional"
        SERVICE = "service"

    KIND_NAMES: ClassVar = {
        Kind.PERSONAL: _("personal"),
        Kind.FUNCTIONAL: _("functional"),
        Kind.SERVICE: _("service"),
    }

    class OldWay(StrEnum):
        """How the old mailbox is opened."""

        NONE = ""
        PASSWORD = "password"  # noqa: S105 - a way, not a password
        ADMINISTRATOR = "administrator"
        TOKEN = "token"  # noqa: S105

    OLD_WAY_NAMES: ClassVar = {
        OldWay.NONE: _("there is none"),
        OldWay.PASSWORD: _("with its own password"),
        OldWay.ADMINISTRATOR: _("with an administrator account"),
        OldWay.TOKEN: _("with a token"),
    }

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    login = models.CharField(_("primary address"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    kind = models.CharField(max_length=12, choices=list(KIND_NAMES.items()), default=Kind.PERSONAL)
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="mailboxes")
    owners = models.ManyToManyField("Member", related_name="looks_after", blank=True)
    may_send_as = models.ManyToManyField("self", symmetrical=False, related_name="senders", blank=True)
    quota_octets = models.BigIntegerField(null=True, blank=True)
    node = models.CharField(max_length=254, default=this_node)
    """Its home on the built-in platform: the machine whose processes alone open its files; at first, where its line was brought in."""
    parcel = models.CharField(max_length=32, blank=True)
    """While it is handed over to another machine: which parcel that one may take over (`bascule.platform.handing_over`)."""
    is_locked = models.BooleanField(default=False)
    is_gone = models.BooleanField(default=False)
    """It left the platform: no server knows it any more; its row says that it was there."""
    password = models.CharField(max_length=255, blank=True)
    """As the servers compare it (`bascule.platform.accounts.passwords`); empty: nobody signs in yet."""
    shown = models.TextField(blank=True)
    """The generated password, sealed (`bascule.portal.keys`), until the member chooses one."""
    password_at = models.DateTimeField(null=True)
    renewed_at = models.DateTimeField(null=True)
    """When an operator last made another one: what was seen, noted or printed before is void."""
    provisioned_at = models.DateTimeField(null=True)
    due = models.BigIntegerField(default=1, db_index=True)
    """The number of the change that the new platform was not told of yet (`provisioning`); 0: it knows all."""
    old_way = models.CharField(max_length=16, choices=list(OLD_WAY_NAMES.items()), default=OldWay.NONE, blank=True)
    old_url = models.CharField(max_length=500, blank=True)
    """Of the old mailbox: ``imaps://user@host``."""
    old_secret = models.TextField(blank=True)
    """Sealed."""
    revision = models.BigIntegerField(default=0, db_index=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["login"]
        verbose_name_plural = "mailboxes"

    def __str__(self) -> str:
        return self.login

    @property
    def is_elsewhere(self) -> bool:
        """Whether another machine is its home."""
        return self.node != this_node()


class Address(models.Model):
    """Every address at which a mailbox takes mail, its login among them; in small letters."""

    address = models.CharField(primary_key=True, max_length=254)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="addresses")

    def __str__(self) -> str:
        return self.address


class Members(BaseUserManager["Member"]):
    def present(self, number: int) -> "Member | None":
        """Whoever goes on with a session: with mailbox and wave, which every page asks for."""
        return next(iter(_present(number)), None)

    def get_by_natural_key(self, username: str | None) -> "Member":
        return self.get(sign_on=(username or "").strip().lower())


class Member(AbstractBaseUser):
    """A person, as the institution's sign-on knows them. ``password`` (of Django) is for sign-on with a local account only."""

    sign_on = models.CharField(_("sign-on name"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=200)
    mailbox = models.OneToOneField(Mailbox, on_delete=models.PROTECT, null=True, blank=True, related_name="member")
    office = models.CharField(_("office"), max_length=200, blank=True)
    site = models.CharField(_("site"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=5, default="fr")
    role = models.CharField(_("role"), max_length=12, choices=list(ROLE_NAMES.items()), default=Role.MEMBER)
    state = models.CharField(
        _("state"), max_length=12, choices=list(MEMBER_STATE_NAMES.items()), default=MemberState.PRESENT
    )
    created_at = models.DateTimeField()

    objects: ClassVar[Members] = Members()
    USERNAME_FIELD = "sign_on"
    REQUIRED_FIELDS: ClassVar = ["name"]

    class Meta:
        ordering: ClassVar = ["name", "sign_on"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Whether they sign on."""
        return self.state == MemberState.PRESENT


def operators() -> models.QuerySet[Member]:
    """Who can open the operators' pages."""
    return Member.objects.filter(role=Role.OPERATOR, state=MemberState.PRESENT)


def is_last_operator(member: Member) -> bool:
    """Within the transaction that closes ``member``, it stays so: two who close each other wait for each other."""
    if transaction.get_connection().in_atomic_block:
        list(operators().select_for_update().order_by("pk").values_list("pk", flat=True))
    return operators().filter(pk=member.pk).exists() and not operators().exclude(pk=member.pk).exists()


_present: Prepared[Member] = Prepared(
    lambda number: Member.objects.select_related("mailbox__wave").filter(pk=number, state=MemberState.PRESENT).order_by(), -1
)  # fmt: skip
_looked_after: Prepared[Mailbox] = Prepared(
    lambda number: Mailbox.objects.filter(owners=number, is_gone=False).select_related("wave"), -1
)  # fmt: skip


def looked_after_by(member: Member) -> list[Mailbox]:
    """With their waves."""
    return _looked_after(member.pk)


class View(models.Model):
    """That somebody saw a mailbox's password and how, tried it, or says that a device has it."""

    What = What
    WHAT_NAMES: ClassVar = {
        What.REVEALED: _("shown on screen"),
        What.PRINTED: _("printed"),
        What.PHONE: _("carried to a phone"),
        What.PROFILE: _("settings downloaded"),
        What.PRACTISED: _("tried"),
        What.CHANGED: _("changed"),
        What.RENEWED: _("renewed by an operator"),
        What.PHONE_DONE: _("phone: done, or none"),
        What.COMPUTER_DONE: _("computer: done, or none"),
    }

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="views")
    by = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=12, choices=list(WHAT_NAMES.items()))
    at = models.DateTimeField(db_index=True)


_views_by: Prepared[View] = Prepared(
    lambda mailbox, number: View.objects.filter(mailbox=mailbox, by=number), "an id", -1
)


def seen_by(member: Member, mailbox: Mailbox) -> list[View]:
    """What they saw of its present password."""
    return [
        view for view in _views_by(mailbox.pk, member.pk) if mailbox.renewed_at is None or view.at >= mailbox.renewed_at
    ]


def is_void_for(member: Member, mailbox: Mailbox) -> bool:
    """Whether an operator made another password, which they have not seen: what they noted before is void."""
    return mailbox.renewed_at is not None and SEEN.isdisjoint(view.what for view in seen_by(member, mailbox))


class Carry(models.Model):
    """A link, good once and for minutes, by which credentials reach a phone that did not sign on. Only its hash is kept."""

    token_hash = models.CharField(primary_key=True, max_length=64)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    ends_at = models.DateTimeField()
    """On real time: a rehearsal does not prolong it."""
    session_hash = models.CharField(max_length=64, blank=True)
    """Of the phone that opened it first; no other opens it then."""


class Banner(models.Model):
    """What operators tell everybody, above every page."""

    class Level(StrEnum):
        GOOD = "good"
        INFORMATION = "information"
        TROUBLE = "trouble"

    LEVEL_NAMES: ClassVar = {
        Level.GOOD: _("all is well"),
        Level.INFORMATION: _("information"),
        Level.TROUBLE: _("something does not work"),
    }

    level = models.CharField(max_length=12, choices=list(LEVEL_NAMES.items()), default=Level.INFORMATION)
    text_fr = models.TextField()
    text_en = models.TextField()
    set_by = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    is_shown = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["-set_at"]


class Note(models.Model):
    """The record of what operators and Bascule itself did: who, what, about whom."""

    at = models.DateTimeField(db_index=True)
    by = models.CharField(max_length=254)
    what = models.CharField(max_length=40)
    about = models.CharField(max_length=254, blank=True, db_index=True)
    detail = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]


class MemberList(models.Model):
    """A list that an operator brought, as it was: what they saw compared is what is brought in. Sealed, and emptied once it has served."""

    name = models.CharField(max_length=200)
    """Of the file; or where else it came from."""
    sealed = models.TextField(blank=True)
    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="+")
    """For new members whose line names none."""
    is_complete = models.BooleanField(default=False)
    """Who is not on it leaves."""
    brought_by = models.CharField(max_length=254)
    brought_at = models.DateTimeField()


class Revision(models.Model):
    """One row, whose number grows with every change of what the servers ask."""

    number = models.BigIntegerField(default=0)


def publish(mailboxes: Iterable[str]) -> int:
    """Number a change of these mailboxes (ids), and of the waves. Within the transaction that makes it: the row is locked until it ends, so numbers are seen in their order."""
    with transaction.atomic():
        Revision.objects.filter(pk=1).update(number=models.F("number") + 1)
        number = Revision.objects.values_list("number", flat=True).get(pk=1)
        ids = list(mailboxes)
        for start in range(0, len(ids), 500):
            Mailbox.objects.filter(pk__in=ids[start : start + 500]).update(revision=number)
    return number


def instant(utc: float) -> datetime:
    """Of seconds since 1970, as models keep it."""
    return datetime.fromtimestamp(utc, UTC)
