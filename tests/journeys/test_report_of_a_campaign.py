"""What the reports say after several nights on which people lived on both sides: each sentence is true, frightens nobody without cause, and says what to do."""

import json
import re
from pathlib import Path

import pytest

from bascule.deliver.proof.english import EN
from support import campaign_history, messages
from support.browser import chromium, violations
from support.campaign_history import KEYWORD, NIGHTS, History
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot
from support.kinds import USER
from support.quirks import Message, Quirk, QuirkServer, Store
from support.quirks.quirk import Codes
from support.quirks.server import Session

pytestmark = pytest.mark.needs("dovecot")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return campaign_history.live(tmp_path_factory.mktemp("campaign"))


def text_of(history: History, night: str) -> str:
    return (history.root / night / "report.txt").read_text().replace("\u202f", " ")


def test_each_night_says_what_it_found(history: History) -> None:
    told = {night: report["totals"] for night, report in history.reports.items()}
    counts = {
        night: tuple(t[n] for n in ("found", "delivered", "refused", "altered", "removed", "marked"))
        for night, t in told.items()
    }
    assert counts == {
        "first": (67, 66, 1, 1, 0, 0),
        "cut": (107, 106, 1, 1, 0, 0),
        "closed": (110, 109, 1, 1, 1, 1),
        "delta": (112, 111, 1, 1, 1, 1),
        "last": (111, 110, 1, 1, 1, 1),
    }
    assert all(t["unaccounted"] == 0 for t in told.values())


def test_a_folder_that_could_not_be_opened_one_night_is_told_with_what_to_do(history: History) -> None:
    text = text_of(history, "closed")
    assert (
        "Sur 110 messages, 108 sont en ordre. À examiner : 1 refusé ; 1 transféré, mais pas exactement tel qu’il était ; 1 dossier qui n’a pas pu être lu."
        " Chaque cas est nommé ci-dessous, avec ce qu’il faut faire."
    ) in text
    [line] = [line for line in text.split("\n") if line.startswith("  Archive/2015 : ")]
    assert line.startswith(
        "  Archive/2015 : L’ancienne plateforme n’a pas permis de lire ce dossier jusqu’au bout cette fois-ci : [NOPERM]"
    )
    assert "Les chiffres sont ceux des exécutions précédentes" in line
    assert line.endswith(
        "Que faire : relancer plus tard ; si cela persiste, s’adresser aux responsables de l’ancienne plateforme."
    )
    assert "Archive/2015: " not in text_of(history, "delta")


def test_what_people_did_is_theirs_and_comes_before_what_is_to_look_at(history: History) -> None:
    text = text_of(history, "delta")
    assert (
        "1 message had arrived, and is no longer where it was put: it was moved or deleted on the new platform since. It is not put back. If nobody there did "
        "that, ask who runs the new platform: the manifest names it.\n"
        "1 message has marks (read, flagged …) or a date of arrival on the new platform that somebody, or another program, gave it there. They are kept.\n\n"
        "Of 112 messages, 110 are in order. To look at: 1 refused; 1 delivered, but not exactly as it was. Each is named below, with what to do.\n"
        "  Projets is called Projets en cours on the new platform (renamed there, or named so by an earlier run).\n"
    ) in text
    french = text_of(history, "last")
    assert (
        "1 message était bien arrivé et n’est plus là où il avait été placé : il a été déplacé ou supprimé depuis sur la nouvelle plateforme. Il n’y est pas remis."
        in french
    )
    assert (
        "Projets s’appelle Projets en cours sur la nouvelle plateforme (renommé là-bas, ou ainsi nommé par une exécution précédente)."
        in french
    )


def test_each_message_to_look_at_has_its_subject_its_reason_and_what_to_do(history: History) -> None:
    text = text_of(history, "last")
    assert f"  INBOX UID 31 « number 50 » : modifié : réparé sur demande : sans {KEYWORD}\n" in text
    assert (
        "  modifié : Transféré, mais pas exactement tel qu’il était. Rien n’est perdu : l’ancienne boîte l’a tel qu’il était."
        in text
    )
    assert (
        "  refusé (vide) : La nouvelle plateforme refuse un message sans contenu. Rien : il ne contient pas un seul caractère."
        in text
    )
    assert "(enregistré sous refused/INBOX/32.eml)" in text_of(history, "cut")


def test_what_was_read_back_is_claimed_of_its_time_and_no_other(history: History) -> None:
    report = history.reports["last"]
    assert report["read_back_first"] <= report["read_back_last"] <= report["finished"].replace("+00:00", "Z")
    assert re.search(
        r"^Vérification : 110 par taille, date et indicateurs, (le|entre le) \S+ \d+ \S+ \d{4} à \d+ h \d\d UTC",
        text_of(history, "last"),
        re.M,
    )
    manifest = (history.root / "last" / "manifest.sha256").read_text().splitlines()
    removed = [line for line in manifest if "  removed  " in line]
    assert len(removed) == 1
    assert re.search(r"  INBOX/5  removed  details \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", removed[0])


@pytest.mark.parametrize("night", NIGHTS)
def test_nothing_frightens_and_the_languages_do_not_mix(history: History, night: str) -> None:
    page = history.page(night).read_text()
    shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    calm = re.sub(r"Nothing is lost|Rien n’est perdu", "", shown)
    assert not re.search(
        r"\b(lost|perdus?|fail\w*|échec|échou\w*|error|erreur|missing|corrupt\w*)\b", calm, re.IGNORECASE
    )
    if NIGHTS[night] == "fr":
        for phrase in (
            *EN.heads,
            *EN.codes.values(),
            *EN.remedies.values(),
            EN.what_to_do,
            EN.details,
            EN.terms_heading,
            EN.note,
        ):
            assert phrase not in shown.split("Détails")[0] or phrase == "Total"
        assert not re.search(r"\b(the|without|mended|folder|target)\b", shown.replace(KEYWORD, ""))
    assert bascule(history.root, "report", "--check", history.page(night).with_name("certificate.json")).returncode == 0


@pytest.mark.needs("chromium")
def test_the_page_can_be_read_by_everybody(history: History) -> None:
    with chromium() as browser:
        for scheme in ("light", "dark"):
            for width in (320, 1200):
                page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.goto(history.page("closed").as_uri())
                assert violations(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                page.close()


def test_verify_says_the_same_of_the_same_history(history: History) -> None:
    assert history.verified is not None
    assert history.verified.returncode == 1
    found = json.loads(history.verified.stdout)
    assert (found["expected"], found["faults"], found["to_do"]) == (111, 2, 0)
    # The reports know of two: of the other that was removed, no run had a reason to look for it.
    assert found["theirs"] == 3
    assert found["folders"] == []  # the runs since then have written down the folder's new name


def test_lines_that_end_in_lf_alone_are_named_and_no_fault(tmp_path: Path) -> None:
    box = tmp_path / "box"
    for folder in ("cur", "new", "tmp"):
        (box / folder).mkdir(parents=True)
    (box / "cur" / "1.a:2,S").write_bytes(b"Subject: unix\n\nline\nline\n")
    (box / "cur" / "2.a:2,S").write_bytes(messages.plain(5))
    with PrivateDovecot(tmp_path / "new") as new:
        words = ["copy", f"maildir:{box}", new.url(USER), "--state", tmp_path / "state", "--quiet"]
        report = report_of(bascule(tmp_path, *words, "--json"))
        told = bascule(tmp_path, *words, "--language", "en").stdout
        manifest = Path(report["certificate"]).with_name("manifest.sha256").read_text()
    assert report["totals"]["line_ends"] == 1
    assert "1 message had lines that end in LF alone, as on Unix, and was sent with CRLF, as mail is written." in told
    assert "The 2 messages are all accounted for. Read back, none was missing or altered." in told
    assert manifest.count("  sent-as ") == 1


class Hides(Quirk):
    """Neither SEARCH nor FETCH tells of one message, which EXISTS counts."""

    def found(self, session: Session, uids: list[int]) -> list[int]:
        return [uid for uid in uids if uid != 2]

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [] if message.uid == 2 else [items]


@pytest.mark.parametrize("command", ["copy", "capture"])
def test_messages_that_the_old_side_counts_and_does_not_list_are_told(command: str, tmp_path: Path) -> None:
    store = Store()
    for number in range(3):
        store.append(store.folders[b"INBOX"], messages.plain(number))
    with QuirkServer(Hides(), store) as old, PrivateDovecot(tmp_path / "new") as new:
        url = f"imap://{USER}@127.0.0.1:{old.port}"
        words = {
            "copy": ["copy", url, new.url(USER), "--state", tmp_path / "state"],
            "capture": ["capture", url, tmp_path / "anna.mailbox"],
        }[command]
        report = report_of(bascule(tmp_path, *words, "--json", status=1))
        told = bascule(tmp_path, *words, "--quiet", "--language", "fr", status=1).stdout
    totals = report["totals"]
    assert (totals["found"], totals["delivered"], totals["unlisted"], totals["unaccounted"]) == (3, 2, 1, 1)
    assert "Sur 3 messages, 2 sont en ordre. À examiner : 1 que l’ancienne plateforme compte sans l’annoncer." in told
    assert (
        "INBOX : L’ancienne plateforme compte 1 message de plus qu’elle n’en annonce, et ne le donne donc pas. Que faire : demander"
        in told
    )
