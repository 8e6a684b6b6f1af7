"""Template tags of every page."""

from collections.abc import Callable
from datetime import datetime

from django import template
from django.template.base import Parser, TextNode, Token
from django.template.exceptions import TemplateSyntaxError
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from bascule.portal.shell import words
from bascule.portal.shell.doors import now

register = template.Library()


def _fixed(name: str, text_of: Callable[..., str]) -> None:
    """A tag whose words are literals, and whose text never changes: it is plain text once the template is read. A page has thirty of them."""

    def read(parser: Parser, token: Token) -> TextNode:
        _, *words = token.split_contents()
        if not all(len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" for word in words):
            raise TemplateSyntaxError(f"{{% {name} %}} takes words in quotes only")
        return TextNode(conditional_escape(text_of(*(word[1:-1] for word in words))))

    register.tag(name, read)


def _icon(name: str, extra: str = "") -> SafeString:
    """One of ``static/vendor/icons.svg``. It decorates; the words beside it say the same."""
    return format_html('<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>', extra, static("vendor/icons.svg"), name)  # fmt: skip


_fixed("icon", _icon)
_fixed("asset", static)
_fixed(
    "page", reverse
)  # one that is there always, and of which there is one; for others (a member's, a way to sign on) Django's own `url`


@register.simple_tag
def named_icon(name: str) -> SafeString:
    """As ``icon``, of a name that the page is given."""
    return _icon(name)


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
