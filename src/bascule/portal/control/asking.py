"""What the operators' pages have in common: who looks, what was asked for, what goes into the record."""

from django.http import HttpRequest

from bascule.portal.directory.models import Note, Role
from bascule.portal.shell.doors import member_of, now

PAGE = 50
"""Rows of one page of a list."""
LOOKS = (Role.OPERATOR, Role.AUDITOR, Role.TECHNICIAN)


def asked(request: HttpRequest, name: str) -> str:
    """Of the query; NUL is in no database's text."""
    return str(request.GET.get(name, "")).replace("\0", "").strip()[:100]


def record(request: HttpRequest, what: str, about: str, detail: str = "") -> None:
    Note.objects.create(at=now(), by=member_of(request).sign_on, what=what, about=about, detail=detail)
