"""Which passwords of one's own are refused, beside short and common ones (Django's validators): those that a guesser tries first."""

import re
import unicodedata
from collections.abc import Iterable

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.utils.translation import gettext as _

DIFFERENT_CHARACTERS = 5
"""At least; “aaaaaaaaaaaa” has one, “123123123123” three."""
LETTERS_OF_A_NAME = 4
"""At least: shorter ones are part of too many words."""
BESIDE_A_NAME = 8
"""So many characters a password has at least beside its owner's name."""
_FRENCH = frozenset(
    [
        "motdepasse",
        "monmotdepasse",
        "motdepassemotdepasse",
        "azerty",
        "azertyuiop",
        "azertyazerty",
        "qsdfghjklm",
        "bonjour",
        "bonjourbonjour",
        "bienvenue",
        "soleil",
        "printemps",
        "automne",
        "chocolat",
        "doudou",
        "jetaime",
        "loulou",
        "universite",
        "universitaire",
        "enseignement",
        "recherche",
        "lycee",
        "secret",
        "secretsecret",
        "marseille",
        "marseillaise",
        "toulouse",
        "bordeaux",
        "allezlesbleus",
        "janvier",
        "fevrier",
        "septembre",
        "octobre",
        "novembre",
        "decembre",
        "administrateur",
        "administration",
        "messagerie",
        "courriel",
        "bascule",
    ]
)
"""What French people write before a year: Django's list of 20,000 common passwords is English."""


def weakness(password: str, names: Iterable[str]) -> str | None:
    """Why it is refused, in the reader's language; None: it is good. ``names``: its owner's, their address and their institution's."""
    if password != password.strip():
        return _("It begins or ends with a blank, which many programs cut off.")
    plain = _plain(password)
    if len(set(plain)) < DIFFERENT_CHARACTERS:
        return _("It repeats the same few characters.")
    word = re.sub(r"[^a-z]", "", plain)
    if word in _FRENCH or word in CommonPasswordValidator().passwords:
        return _("It is a common word with something around it. A sentence of several words is harder to guess.")
    rest = plain
    for name in sorted(_parts(names), key=len, reverse=True):
        rest = rest.replace(name, "")
    if rest != plain and len(re.sub(r"[^a-z0-9]", "", rest)) < BESIDE_A_NAME:
        return _("It is made of a name or an address, which others know.")
    return None


def _plain(text: str) -> str:
    """In small letters, without accents."""
    return "".join(each for each in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(each))


def _parts(names: Iterable[str]) -> set[str]:
    return {part for name in names for part in re.split(r"[^a-z]+", _plain(name)) if len(part) >= LETTERS_OF_A_NAME}
