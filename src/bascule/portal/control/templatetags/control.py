"""Template filters of the operators' pages."""

from django import template

from bascule.portal.control.words import RECORD_NAMES

register = template.Library()


@register.filter
def record_words(what: str) -> str:
    """What a line of the record says was done."""
    return str(RECORD_NAMES.get(what, what))
