"""Text from outside, as it may stand in a sentence for a person: on a terminal, in a log, on a page."""

import unicodedata

CHARACTERS = 300
"""A server's reason or a header's value is rarely longer; a megabyte of it helps nobody."""

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's general categories of what controls, reverses, hides or breaks a line and shows nothing itself."""


def printable(text: str, characters: int = CHARACTERS) -> str:
    """``text`` on one line, without anything that a terminal obeys (ESC, CR, NUL) or that turns the reading direction: each such
    character is shown as U+FFFD, white space as one space. Cut at ``characters``, with ``…`` behind it."""
    if not text.isascii() or not text.isprintable():
        text = " ".join(text.split())
        text = "".join("\ufffd" if unicodedata.category(one) in _UNSEEN else one for one in text)
    return text if len(text) <= characters else f"{text[:characters]}…"
