"""Template tags of every page."""

import functools
from datetime import datetime

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bascule.portal.shell import words
from bascule.portal.shell.doors import now

register = template.Library()


page = register.simple_tag(functools.cache(reverse), name="page")
"""The address of a page of which there is one, worked out once. Those of many (a member's) are Django's own `url`."""
asset = register.simple_tag(functools.cache(static), name="asset")
"""The address of a static file, worked out once: a page names ten of them."""


@register.simple_tag
@functools.cache
def icon(name: str, extra: str = "") -> SafeString:
    """One of ``static/vendor/icons.svg``. It decorates; the words beside it say the same."""
    return format_html('<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>', extra, static("vendor/icons.svg"), name)  # fmt: skip


@register.filter
def when(instant: datetime) -> str:
    return words.when(instant, now())


@register.filter
def day(instant: datetime) -> str:
    return words.day(instant, now())


@register.filter
def until(instant: datetime) -> str:
    """How long from now."""
    return words.span(instant - now())


@register.filter
def zone(instant: datetime) -> str:
    return words.zone_of(instant)


@register.filter
def counted(count: int) -> str:
    return words.number(count)
