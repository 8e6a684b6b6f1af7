"""Passwords of local accounts, for members whom no directory knows: generated, and handed out on paper."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Q, QuerySet

from bascule.platform.accounts.passwords import generate_password
from bascule.portal.directory.models import Member, MemberState


@dataclass(frozen=True, slots=True)
class Given:
    member: Member
    password: str


def without() -> QuerySet[Member]:
    """Who is there, and has no local password."""
    none = Q(password="") | Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return Member.objects.filter(none, state=MemberState.PRESENT).order_by("office", "name", "sign_on")


def prepare() -> list[Given]:
    """One for each who has none. Nothing is changed: they are to be written down first."""
    return [Given(member, generate_password()) for member in without()]


def give(prepared: list[Given], told: Callable[[int], None] = lambda count: None) -> None:
    """From now on they sign on with these; who got one meanwhile keeps that. Cut off, the rest have none yet."""
    for count, each in enumerate(prepared, 1):
        each.member.set_password(each.password)
        without().filter(pk=each.member.pk).update(password=each.member.password)
        told(count)
