"""What Courier keeps in a Maildir beside the messages: keywords, and the folders that are subscribed.

``courierimapkeywords/:list`` has the keywords, an empty line, and for each message its name and the numbers of its keywords. What changed since it was
written lies beside it, in a file named as the message is, with a keyword a line.
"""

from collections.abc import Callable, Iterable

KEYWORDS = "courierimapkeywords"
SUBSCRIBED = "courierimapsubscribed"
LIST = ":list"

Keywords = dict[str, list[str]]
"""Of each message, by its name without flags."""


def read_keywords(text: Callable[[str], bytes | None], names: Iterable[str]) -> Keywords:
    """``text`` reads a file of the directory; ``names``: those that are there. Files whose name begins with a dot are written into the list already."""
    found = _listed(_lines(text(LIST)))
    for name in names:
        if not name.startswith((".", ":")):
            found[name] = list(filter(None, _lines(text(name))))
    return found


def subscribed_name(line: str) -> str:
    """A folder as the Maildir has it: Courier shows all of them below INBOX."""
    return line[len("INBOX.") :] if line.upper().startswith("INBOX.") else line


def _listed(lines: list[str]) -> Keywords:
    end = lines.index("") if "" in lines else len(lines)
    keywords, found = dict(enumerate(lines[:end])), {}
    for line in lines[end + 1 :]:
        name, _, numbers = line.rpartition(":")
        given = [keywords.get(int(number), "") for number in numbers.split() if number.isascii() and number.isdecimal()]
        found[name] = list(filter(None, given))
    return found


def _lines(text: bytes | None) -> list[str]:
    return (text or b"").decode("utf-8", "backslashreplace").split("\n")
