"""Reports in both languages say the same."""

import re
from dataclasses import fields, replace
from string import Formatter

import pytest

from bascule.deliver.expectation import ALTERED_THERE, BEHIND, THERE_BEFORE, Expectation, difference
from bascule.deliver.folder_making import MERGED, NO_NAME, NOT_THERE, REFUSED, SPELT, TAKEN, TOO_DEEP
from bascule.deliver.folder_map import KNOWN
from bascule.deliver.making_way import STILL_THERE
from bascule.deliver.parcel import told_date, told_refused, told_unwritable
from bascule.deliver.proof.check_words import CheckWords, check_words_of
from bascule.deliver.proof.english import EN
from bascule.deliver.proof.french import FR
from bascule.deliver.proof.gather import NO_OUTCOME, UNACCOUNTED
from bascule.deliver.proof.languages import LANGUAGES, words_of
from bascule.deliver.proof.page import as_page
from bascule.deliver.proof.report import FolderCounts, Report, ReportedException
from bascule.deliver.proof.text import as_text
from bascule.deliver.proof.words import Words
from bascule.deliver.rivals import TWICE
from bascule.deliver.session import OverQuota
from bascule.protocols.imap.fetch import MessageData
from bascule.protocols.mime.mending import mend
from bascule.sources.contract import CHANGED
from bascule.sources.files import beside, tree
from bascule.sources.files.mbox import REWRITTEN
from bascule.sources.files.other_forms import other_form, packed_form
from bascule.terms.body import NO_TRAITS
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import MENDED, NOTHING_TO_MEND, REFUSED_MENDED, OutcomeCode


def places(phrase: object) -> int:
    return sum(1 for _, name, _, _ in Formatter().parse(str(phrase)) if name is not None)


def test_each_phrase_takes_the_same_in_both() -> None:
    for field in fields(EN):
        one, other = getattr(EN, field.name), getattr(FR, field.name)
        assert type(one) is type(other)
        if field.name in ("sentences", "code_names"):
            continue
        if isinstance(one, dict):
            assert one.keys() == other.keys(), field.name
        if isinstance(one, (str, tuple)):
            assert places(one) == places(other), field.name
            assert len(one) == len(other) or isinstance(one, str), field.name


def test_so_does_each_phrase_of_a_check() -> None:
    for field in fields(CheckWords):
        if field.name != "sentences":
            one, other = (getattr(check_words_of(words), field.name) for words in (EN, FR))
            assert places(one) == places(other), field.name


KEPT = Expectation(1, 2, b"", 5, frozenset({"\\Seen"}), InternalDate(0), NO_TRAITS, None)
OWN = [
    "the target has a \\Drafts folder of its own, so not below Old", TAKEN, MERGED, SPELT, REFUSED, NO_NAME, NOT_THERE, TOO_DEEP, KNOWN, CHANGED, f"{TWICE} (UID 7)", told_unwritable(frozenset({"a b"})),
    told_unwritable(frozenset({"a b", "c d"})), told_date(InternalDate(10**15), InternalDate(0)), NO_OUTCOME,
    told_refused(frozenset({"a"})), f"{BEHIND}no right", f"{THERE_BEFORE}{BEHIND}no right", f"{THERE_BEFORE}{STILL_THERE.format('P')}", ALTERED_THERE,
    difference(KEPT, MessageData(uid=2, flags=frozenset({"\\Flagged"}), date=InternalDate(9)))[1], *mend(b"a\0b\rc: d\r\nno field\r\n\r\n")[1],
    "interrupted; run the same command again to go on", MENDED + "2 NUL octets removed", REFUSED_MENDED, NOTHING_TO_MEND,
    *beside.BY_ITSELF.values(), *beside.FOREIGN.values(), beside.MBOX, beside.BARE, tree.TOO_DEEP, packed_form(b"\x1f\x8b"), packed_form(b"CRYPTED\3\7"), other_form(b"*mbx*"),
    other_form(b"BABYL OPTIONS:"), other_form(b"\1\1\1\1\n"), other_form(bytes(257) + b"ustar"), f"A/2.msg: {beside.FOREIGN['.msg']}",
    *(f"{name}{reason}" for name in ("", "A/2.msg: ") for reason in (
        packed_form(b"CRYPTED\3\7"), "it is a link that leads nowhere: No such file or directory", "it is a link that leads out of the folder, to /etc",
        "it is a link to a folder in which it lies", "it is a link within a folder that is itself a link", "it lies outside of the folder",
        "it can't be unpacked: Bad CRC-32 for file 'bad.eml'", "it has more than 4194304 octets",
    )),
    "mail that it does not name lies beside it (1: stray.eml): import that by itself", "A/1.eml no longer has the SHA-256 that the manifest gives",
    "another folder of the old side is called Sent, too", REWRITTEN,
    str(OverQuota("[OVERQUOTA] Quota exceeded (mailbox for user is full).")),
]  # fmt: skip
"""Sentences of Bascule's own that a report may hold."""


@pytest.mark.parametrize("sentence", OWN)
def test_what_bascule_says_itself_is_in_french(sentence: str) -> None:
    told = FR.own(sentence)
    assert len(told.split(" ; ")) == len(sentence.split("; "))
    for before, after in zip(sentence.split("; "), told.split(" ; "), strict=True):
        assert after != before
        assert not re.search(r"\b(the|with|without|removed|instead)\b", after), after
    assert EN.own(sentence) == sentence


@pytest.mark.parametrize("pattern", FR.sentences, ids=lambda pair: pair[1][:30])
def test_a_sentence_takes_what_its_pattern_finds(pattern: tuple[str, str]) -> None:
    assert re.compile(pattern[0]).groups == places(pattern[1])


def test_a_size_is_written_as_a_french_reader_writes_it() -> None:
    told = FR.own("the target takes messages of up to 30000 octets")
    assert told == "la nouvelle plateforme accepte au plus 30\u202f000 octets (30 ko) par message"
    assert FR.own("the target takes messages of up to 12800000 octets").endswith("octets (12,8 Mo) par message")


def test_a_french_line_has_no_english_punctuation_and_no_code() -> None:
    one = ReportedException(
        "Été", 3, "refused-content", "[CANNOT] no; never; refused in its mended form too", subject="Café"
    )
    told = as_text(Report("copy", "a", "b", "1", "", "", "none", exceptions=[one]), FR)
    assert "  Été UID 3 « Café » : refusé (contenu) : [CANNOT] no; never ; refusé aussi sous sa forme réparée\n" in told
    assert "  refusé (contenu) : La nouvelle plateforme refuse ce qu’il contient. La réparation n’a pas suffi." in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (EN, ": altered by the target: other octets of the same size\n"),
        (FR, " : modifié par la nouvelle plateforme (contenu différent, taille identique)\n"),
    ],
)
def test_no_word_is_said_twice(words: Words, told: str) -> None:
    one = ReportedException("INBOX", 3, "altered", "altered by the target: other octets of the same size")
    text = as_text(Report("copy", "a", "b", "1", "", "", "none", exceptions=[one]), words)
    assert f"  INBOX UID 3{told}" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            EN,
            "Drafts goes to Drafts on the new platform (the target has a \\Drafts folder of its own, so not below Old).\n",
        ),
        (
            FR,
            "Drafts va dans Drafts sur la nouvelle plateforme (celle-ci a son propre dossier \\Drafts, ",
        ),
    ],
)
def test_a_folder_is_not_said_to_be_called_what_it_is_called(words: Words, told: str) -> None:
    why = "the target has a \\Drafts folder of its own, so not below Old"
    folders = [FolderCounts("Drafts", "Drafts", 1, 1, renamed=why)]
    assert f"  {told}" in f"{as_text(Report('copy', 'a', 'b', '1', '', '', 'none', folders), words)}\n"


@pytest.mark.parametrize(("words", "platform"), [(EN, "old platform"), (FR, "ancienne plateforme")])
@pytest.mark.parametrize("source", ["mbox:/home/anna/Mail", "zip:takeout.zip"])
def test_of_files_nobody_is_asked_who_runs_them(words: Words, platform: str, source: str) -> None:
    folder = FolderCounts("Old", "Old", 1, 0, 0, 1, error="it is a zip", error_of="source")
    one = ReportedException("Old", 1, "unreadable", "1.eml: it is compressed (gzip)")
    read = Report("import", source, "a.mailbox", "1", "", "", "none", [folder], [one])
    assert platform not in as_text(read, words)
    assert platform not in as_page(read, words)
    read.source = "imaps://anna@old.example.org:993"
    assert platform in as_text(read, words)
    assert platform in as_page(read, words)


def test_what_servers_said_stays_as_they_said_it() -> None:
    assert FR.own("[NOPERM] Permission denied; ask somebody") == "[NOPERM] Permission denied; ask somebody"


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=list(LANGUAGES))
def test_each_word_of_the_table_is_explained(words: Words) -> None:
    assert tuple(term for term, _ in words.terms) == words.heads[1:]


def test_dates_are_as_people_write_them() -> None:
    assert EN.when("2026-11-28T06:36:49+00:00") == "Saturday 28 November 2026 at 06:36 UTC"
    assert FR.when("2026-12-01T06:05:00Z") == "mardi 1er décembre 2026 à 6 h 05 UTC"
    assert FR.when("") == ""
    assert FR.when("in the year 20000") == "in the year 20000"


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=list(LANGUAGES))
def test_every_exception_has_its_sentence(words: Words) -> None:
    assert set(words.codes) == {code.value for code in OutcomeCode if code.is_exception} | {UNACCOUNTED}
    assert words.codes.keys() == words.remedies.keys()
    assert words.language == "en" or words.codes.keys() == words.code_names.keys()


def report() -> Report:
    folders = [FolderCounts("INBOX", "INBOX", 12_408, 12_407, 0, 1), FolderCounts("Été", "Ete", 3, 0, 3, renamed="r")]
    refused = ReportedException(
        "INBOX", 3051, "refused-size", "too <large>", subject="Photos", saved_as="refused/1.eml"
    )
    return Report(
        "deliver", "a.mailbox", "imap://b", "0.1", "2026-11-24T09:00:00+00:00", "2026-11-24T09:10:00+00:00", "delivered",
        folders, [refused], {"octets": 31, "details": 12_376},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [(EN, "No message was read. To look at: 1 folder"), (FR, "Aucun message n’a été lu. À examiner : 1 dossier")],
)
def test_where_no_message_was_read_none_of_no_messages_is_spoken_of(words: Words, told: str) -> None:
    nothing = replace(report(), folders=[FolderCounts("A", "A", 0, 0, 0, error="it can't be opened")], exceptions=[])
    assert told in as_text(nothing, words)


def test_a_french_report_reads_as_french() -> None:
    text = as_text(report(), FR)
    assert "Vérification : 31 relus en entier, 12\u202f376 par taille, date et indicateurs." in text
    assert (
        "Sur 12\u202f411 messages, 12\u202f410 sont en ordre. À examiner : 1 refusé. Chaque cas est nommé ci-dessous"
        in text
    )
    page = as_page(report(), FR)
    assert '<html lang="fr">' in page
    assert "<h1>Compte rendu : transfert</h1>" in page
    assert "La nouvelle plateforme refuse un message de cette taille : too &lt;large&gt;" in page


@pytest.mark.parametrize(
    ("words", "head", "told"),
    [
        (EN, "Kept", "The 7 messages are all kept on disk."),
        (FR, "Conservés", "Les 7 messages sont tous conservés sur disque."),
    ],
)
@pytest.mark.parametrize("command", ["capture", "import"])
def test_what_went_to_no_new_platform_is_kept(words: Words, head: str, told: str, command: str) -> None:
    counts = [FolderCounts("INBOX", "INBOX", 7, 7)]
    one = Report(command, "imaps://a@b:993", "a.mailbox", "1", "", "", "none", counts)
    for shown in (as_text(one, words), as_page(one, words)):
        assert told in shown
        assert head in shown
        assert words.heads[2] not in shown
        assert words.heads[2].lower() not in shown


@pytest.mark.parametrize(
    ("words", "refused", "told"),
    [
        (EN, 21, "Of 22 messages, 1 is in order. To look at: 21 refused."),
        (EN, 22, "Of 22 messages, none is in order. To look at: 22 refused."),
        (FR, 21, "Sur 22 messages, 1 est en ordre. À examiner : 21 refusés."),
        (FR, 22, "Sur 22 messages, aucun n’est en ordre. À examiner : 22 refusés."),
    ],
)
def test_one_is_not_told_as_several(words: Words, refused: int, told: str) -> None:
    one = report()
    one.folders = [FolderCounts("INBOX", "INBOX", 22, 22 - refused, 0, refused)]
    one.verified = {"octets": 1, "no": 1}
    text = as_text(one, words)
    assert told in text
    assert words is EN or "Vérification : 1 relu en entier, 1 non relu.\n" in text


def test_the_language_is_the_locale_s_unless_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert words_of() is FR
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert words_of() is EN
    assert words_of("fr") is FR
