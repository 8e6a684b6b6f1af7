"""French and English are complete: nothing untranslated, nothing doubtful, nothing that the code no longer says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import bascule.portal

ROOM = Path(bascule.portal.__file__).parent
CATALOGUE = ROOM / "locale/fr/LC_MESSAGES/django.po"


def entries(text: str) -> dict[str, tuple[list[str], bool]]:
    """msgid → (translations, fuzzy)."""
    found = {}
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        field = ""
        for line in block.splitlines():
            if match := re.match(r'(msg\S+) "(.*)"$', line):
                field = match[1]
                fields[field] = match[2]
            elif line.startswith('"'):
                fields[field] += line[1:-1]
        if "msgid" in fields:
            told = [value for name, value in fields.items() if name.startswith("msgstr")]
            found[fields["msgid"]] = (told, bool(re.search(r"^#,.*fuzzy", block, re.MULTILINE)))
    return found


def test_every_entry_is_translated_and_none_is_fuzzy() -> None:
    told = {said: entry for said, entry in entries(CATALOGUE.read_text("utf-8")).items() if said}
    assert len(told) > 200
    assert [said for said, (translations, fuzzy) in told.items() if fuzzy or not all(translations)] == []


def test_french_has_its_spaces() -> None:
    """A no-break space before the double punctuation signs, and within quotation marks."""
    wrong = [
        each
        for translations, _ in entries(CATALOGUE.read_text("utf-8")).values()
        for each in translations
        if re.search(r" [;:?!»]|« ", each)
    ]
    assert wrong == []


def test_values_are_the_same_on_both_sides() -> None:
    for said, (translations, _) in entries(CATALOGUE.read_text("utf-8")).items():
        for each in translations if said else []:
            assert set(re.findall(r"%\(\w+\)[sd]", each)) == set(re.findall(r"%\(\w+\)[sd]", said)), said


@pytest.mark.needs("gettext")
def test_everything_that_is_said_is_in_the_catalogue_and_compiled(tmp_path: Path, portal: object) -> None:
    from django.core.management import call_command

    copy = tmp_path / "portal"
    shutil.copytree(ROOM, copy, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    shutil.copytree(ROOM.parent / "campaign", copy / "campaign")  # what it says of lists is shown on pages
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        call_command("makemessages", locale=["fr"], no_location=True, no_obsolete=True, no_wrap=True, verbosity=0)
    fresh = (copy / "locale/fr/LC_MESSAGES/django.po").read_text("utf-8")
    assert set(entries(fresh)) == set(entries(CATALOGUE.read_text("utf-8")))
    compiled = tmp_path / "django.mo"
    subprocess.run(["msgfmt", "-o", compiled, CATALOGUE], check=True)
    assert compiled.read_bytes() == CATALOGUE.with_suffix(".mo").read_bytes(), "make messages"


def test_no_sentence_stands_in_a_template_untranslated() -> None:
    """Words between tags, outside of translation tags."""
    wrong = []
    for file in ROOM.rglob("templates/**/*.html"):
        text = re.sub(
            r"\{% (blocktrans|blocktranslate).*?%\}.*?\{% end\1 %\}", "", file.read_text("utf-8"), flags=re.DOTALL
        )
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text)
        text = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
        text = re.sub(r'<[^<>]*(alt|aria-label|placeholder|title)="([A-Za-z ]{4,})"', r">\2<", text)
        found = re.findall(r">([^<>]*)", text)
        wrong += [f"{file.name}: {words.strip()}" for words in found if re.search(r"[A-Za-z]{3,} [A-Za-z]{2,}", words)]
    assert wrong == []
