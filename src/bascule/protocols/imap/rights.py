"""Rights of access control lists. RFC 4314 §2"""

from enum import Enum

from bascule.protocols.imap.errors import RemoteError

Rights = frozenset[str]
"""Letters; what each allows: `RIGHTS`."""

RIGHTS = {
    "l": "the folder is listed",
    "r": "it is read",
    "s": "whether it was read is kept, for oneself",
    "w": "flags other than \\Seen and \\Deleted are set",
    "i": "messages are added",
    "p": "mail is sent to it; not enforced, any address takes mail",
    "k": "folders are made below it",
    "x": "it is deleted or renamed",
    "t": "messages are flagged \\Deleted",
    "e": "those are expunged",
    "a": "its rights are seen and changed",
}
ALL: Rights = frozenset(RIGHTS)
ANYONE = "anyone"
"""Whoever has an account."""
_VIRTUAL = {"c": frozenset("kx"), "d": frozenset("te")}
"""Names of RFC 2086: what they stood for (RFC 4314 §2.1.1)."""


class How(Enum):
    """What becomes of the rights that are there: SETACL's first character."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


def parse_rights(text: str) -> tuple[How, Rights]:
    """As SETACL writes them. Raises RemoteError for a letter that is no right."""
    how = How.ADD if text.startswith("+") else How.REMOVE if text.startswith("-") else How.REPLACE
    letters = text.removeprefix(how.value)
    unknown = [letter for letter in letters if letter not in ALL and letter not in _VIRTUAL]
    if unknown:
        raise RemoteError(f"there is no right {unknown[0]!a}")
    return how, frozenset[str]().union(*(_VIRTUAL.get(letter, frozenset(letter)) for letter in letters))


def changed(old: Rights, how: How, rights: Rights) -> Rights:
    return {How.REPLACE: rights, How.ADD: old | rights, How.REMOVE: old - rights}[how]


def format_rights(rights: Rights) -> bytes:
    """With the names of RFC 2086 for programs that know no others (RFC 4314 §2.1.1: when any of what they stood for is there)."""
    letters = [letter for letter in RIGHTS if letter in rights]
    letters += [letter for letter, stood_for in _VIRTUAL.items() if stood_for & rights]
    return "".join(letters).encode()
