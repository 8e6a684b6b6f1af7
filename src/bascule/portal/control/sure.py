"""An act with consequences: what follows is shown first, and whether it can be undone; then it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@dataclass(frozen=True, slots=True)
class Act:
    """``follows``: sentences; ``undone``: how, or that it can't be; ``button``: what is done, in the words of the page that led here; ``back``: its address."""

    title: str
    follows: Sequence[str]
    undone: str
    button: str
    back: str
    tab: str = "members"
    fields: Mapping[str, str] = field(default_factory=dict)
    """What was posted, and is posted again."""


def is_sure(request: HttpRequest) -> bool:
    return "sure" in request.POST


def ask_first(request: HttpRequest, act: Act) -> HttpResponse:
    return render(request, "control/sure.html", {"room": "control", "act": act})
