"""The languages that a report is written in, and which one a user gets."""

import os

from bascule.deliver.proof.english import EN
from bascule.deliver.proof.french import FR
from bascule.deliver.proof.words import Words

LANGUAGES = {"en": EN, "fr": FR}


def words_of(language: str = "") -> Words:
    """Of ``language`` (``en``, ``fr``), else of the user's locale (LC_ALL, LC_MESSAGES, LANG), else English."""
    places = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = language or next((place for place in places if place), "")
    return LANGUAGES.get(chosen[:2].lower(), EN)
