"""Reports in both languages say the same."""

from dataclasses import fields
from string import Formatter

import pytest

from bascule.deliver.proof.gather import UNACCOUNTED
from bascule.deliver.proof.page import as_page
from bascule.deliver.proof.report import FolderCounts, Report, ReportedException
from bascule.deliver.proof.text import as_text
from bascule.deliver.proof.words import EN, FR, LANGUAGES, Words, words_of
from bascule.terms.outcome import OutcomeCode


def places(phrase: object) -> int:
    return sum(1 for _, name, _, _ in Formatter().parse(str(phrase)) if name is not None)


def test_each_phrase_takes_the_same_in_both() -> None:
    for field in fields(EN):
        one, other = getattr(EN, field.name), getattr(FR, field.name)
        assert type(one) is type(other)
        if isinstance(one, (str, tuple)):
            assert places(one) == places(other), field.name
            assert len(one) == len(other) or isinstance(one, str), field.name


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=list(LANGUAGES))
def test_every_exception_has_its_sentence(words: Words) -> None:
    assert set(words.codes) == {code.value for code in OutcomeCode if code.is_exception} | {UNACCOUNTED}


def report() -> Report:
    folders = [FolderCounts("INBOX", "INBOX", 12_408, 12_407, 0, 1), FolderCounts("Été", "Ete", 3, 0, 3, renamed="r")]
    refused = ReportedException(
        "INBOX", 3051, "refused-size", "too <large>", subject="Photos", saved_as="refused/1.eml"
    )
    return Report(
        "deliver", "a.mailbox", "imap://b", "0.1", "2026-11-24T09:00:00+00:00", "2026-11-24T09:10:00+00:00", "delivered",
        folders, [refused], {"octets": 31, "details": 12_376},
    )  # fmt: skip


def test_a_french_report_reads_as_french() -> None:
    text = as_text(report(), FR)
    assert "Vérification : 31 relus en entier, 12\u202f376 par taille, date et indicateurs." in text
    assert "Sur 12\u202f411 messages : 1 refusé. Chacun est nommé ci-dessous." in text
    page = as_page(report(), FR)
    assert '<html lang="fr">' in page
    assert "<h1>Compte rendu : transfert</h1>" in page
    assert "La nouvelle plateforme refuse un message de cette taille : too &lt;large&gt;" in page


def test_the_language_is_the_locale_s_unless_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert words_of() is FR
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert words_of() is EN
    assert words_of("fr") is FR
