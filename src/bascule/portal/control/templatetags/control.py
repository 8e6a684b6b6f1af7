"""Template filters of the operators' pages."""

from django import template

from bascule.portal.control.words import FIELD_NAMES, INSTANT_NAMES, RECORD_NAMES

register = template.Library()


@register.filter
def record_words(what: str) -> str:
    """What a line of the record says was done."""
    return str(RECORD_NAMES.get(what, what))


@register.filter
def detail_words(detail: str) -> list[str]:
    """The lines below it, whose first words name a field."""
    told = []
    for line in detail.splitlines():
        name, colon, rest = line.partition(": ")
        known = FIELD_NAMES.get(name) or INSTANT_NAMES.get(name)
        told.append(f"{known} {rest}" if colon and known else line)
    return told
