"""The words of a text in HTML, without its markup: for an index and a preview, not for a browser.

Python's ``html.parser`` is not used: it fails on some unfinished declarations, and takes a time that grows with the square of a text that opens tags
and closes none. Here each character is passed once: no quantifier gives back what it took (``+`` behind it), and each kind of markup may end with the text.
"""

import re
from functools import lru_cache
from html import unescape

_MARKUP = re.compile(
    r"""
    <!--(?: -?> | .*?(?: --!?> | \Z ))                                    # a comment; HTML §13.2.5.43
    | <(?P<tagless>script|style)(?=[\s/>]) (?P<rest>(?: [^>=]++ | =\s*+(?: "[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) )?+ )*+ (?:>|\Z))
      .*?(?: </(?P=tagless)(?=[\s/>]) [^>]*+(?:>|\Z) | \Z )               # what is in these is no text
    | <(?: [!?] | /(?![a-z]) ) [^>]*+(?:>|\Z)                              # <!DOCTYPE …>, <![if …]>, <?xml …>, </>
    | </?[a-z] (?: [^>=]++ | =\s*+(?: "[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) )?+ )*+ (?:>|\Z)   # a tag: ">" may stand in a quoted value
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_REFERENCE = re.compile(r"&(?:#(?:[0-9]++|x[0-9a-f]++)|[a-z][a-z0-9]{1,31});?", re.IGNORECASE)
_REFERENCE_CHARACTERS = 40
"""The longest named one has 33; a longer one is a number that is no character."""


def html_words(html: str) -> str:
    """In order, with one space between them. Never fails; what a tag, a comment or a quoted value that does not end would hide stays hidden."""
    return " ".join(_REFERENCE.sub(lambda found: _character(found[0]), _MARKUP.sub(" ", html)).split())


@lru_cache(maxsize=500)
def _character(reference: str) -> str:
    """Remembered: a text has few that differ, and may have very many."""
    return unescape(reference) if len(reference) <= _REFERENCE_CHARACTERS else "\ufffd"
