"""What others wrote, on a line for people: a terminal, a log, a report. Nothing in it moves the cursor, begins a line or turns the text round."""

import unicodedata

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls (ESC, LF, NUL), formats (right-to-left overrides), lone surrogates, and the two line separators."""
CHARACTERS = 300
"""A server's reason or a header's value is rarely longer; a megabyte of it helps nobody."""
_JOINERS = "\u200c\u200d"
"""Formats that Persian and emoji are written with."""


def printable(text: str, characters: int | None = None) -> str:
    """``text`` on one line, with ``\\x1b`` for each character that would do something rather than be seen; cut with ``…`` after ``characters``."""
    if characters is not None and len(text) > characters:
        text = text[:characters] + "…"
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def printable_json(text: str) -> str:
    """JSON with ``\\u009b`` for what would do something rather than be seen: the same values, on one line."""
    return text if text.isprintable() else "".join(map(_json_shown, text))


def _json_shown(character: str) -> str:
    code = ord(character)
    if code < 0x20 or not _acts(character):  # below: line ends between values; those within strings are escaped already
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _acts(character: str) -> bool:
    """Also of the sixty-six that are no characters (Unicode §23.7), which XML refuses."""
    if unicodedata.category(character) in _ESCAPED:
        return character not in _JOINERS
    code = ord(character)
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii") if _acts(character) else character
