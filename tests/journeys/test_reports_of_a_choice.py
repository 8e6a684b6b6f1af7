"""What a report says of what its user chose not to have moved, and of what a run did not come to: it is named, and never counted as in order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bascule.commands.places import COPY_MAILBOX
from bascule.deliver.proof import as_text, gather_report, words_of
from bascule.mailbox import Mailbox
from bascule.mailbox.format import CATALOGUE
from support import messages
from support.command import bascule, report_of
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.refusing import RefusesOneCannot


class Move:
    """The sample's three folders (20 in INBOX, of which one of 100 kB; 12 in Archive/2020; 8 in Réunions), and an empty target."""

    def __init__(self, tmp: Path, source: QuirkServer, target: QuirkServer) -> None:
        self.tmp, self.source, self.target = tmp, source, target
        self.state = tmp / "state"

    def copy(self, *words: object, status: int = 0) -> tuple[dict[str, Any], Path]:
        """The report, and the folder that its files lie in."""
        run = ["copy", self.source.url, self.target.url, "--state", self.state, "--json", "--quiet"]
        report = report_of(bascule(self.tmp, *run, *words, status=status))
        return report, Path(report["certificate"]).parent


@pytest.fixture
def move(tmp_path: Path) -> Iterator[Move]:
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(Quirk()) as target:
        yield Move(tmp_path, source, target)


def told(folder: Path) -> str:
    return (folder / "report.txt").read_text().replace("\u202f", " ")


def test_folders_left_out_by_choice_are_named_in_every_form_of_the_report(move: Move) -> None:
    report, english = move.copy("--without-folder", "INBOX", "--language", "en")
    assert report["left_out_folders"] == ["INBOX"]
    _, french = move.copy("--folder", "Archive*", "--language", "fr")
    assert "Folder left out by choice (--folder, --without-folder): INBOX." in told(english)
    assert "The 20 messages of the folders chosen are all accounted for." in told(english)
    assert "Dossiers écartés par choix (--folder, --without-folder) : INBOX, Réunions." in told(french)
    assert "Les 12 messages des dossiers choisis sont tous comptabilisés" in told(french)
    assert "écartés par choix (--folder, --without-folder) : INBOX, Réunions." in (french / "report.html").read_text()


def test_a_folder_that_was_left_out_is_named_by_later_reports_too(move: Move) -> None:
    move.copy("--without-folder", "INBOX")
    done = bascule(move.tmp, "report", move.state, "--language", "en").stdout
    assert "The 20 messages of the folders chosen are all accounted for." in done
    assert "left out by choice (--folder, --without-folder): INBOX." in done


def test_messages_left_out_for_their_date_are_told_as_such_and_not_as_in_order(move: Move) -> None:
    report, french = move.copy("--since", "2020-02-03", "--language", "fr")
    delivered, left_out = report["totals"]["delivered"], report["totals"]["left_out"]
    assert 0 < delivered < delivered + left_out == 40
    assert f"comptabilisés : {delivered} transférés, {left_out} écartés par choix (date)." in told(french)


def test_messages_left_out_for_their_size_are_told_as_such_and_not_as_in_order(move: Move) -> None:
    _, english = move.copy("--max-size", "50k", "--language", "en")
    assert "The 40 messages are all accounted for: 39 delivered, 1 left out by choice (too large)." in told(english)


def test_a_choice_of_messages_holds_for_what_an_earlier_run_could_not_deliver(tmp_path: Path) -> None:
    old = Store()
    sample.fill(old)
    target = QuirkServer(RefusesOneCannot())
    with QuirkServer(Quirk(), old) as source, target:
        move = Move(tmp_path, source, target)
        first, _ = move.copy(status=1)
        [refused] = first["exceptions"]
        target.commands.clear()
        limit = refused["octets"] - 1
        second, english = move.copy("--max-size", limit, "--folder", refused["folder"])
        assert "APPEND" not in target.verbs()
        assert (second["totals"]["refused"], second["totals"]["left_out"]) == (0, 1)
        assert "1 left out by choice (too large)." in told(english)
        again, _ = move.copy("--max-size", limit, "--folder", refused["folder"])
        assert again["totals"] == second["totals"]
        verified = bascule(move.tmp, "verify", source.url, target.url, "--state", move.state).stdout
        assert "1 left out" in verified
        third, _ = move.copy(status=1)
        assert third["totals"] == first["totals"]


def test_what_was_read_back_is_counted_of_the_folders_that_the_table_shows(move: Move) -> None:
    move.copy()
    report, _ = move.copy("--folder", "Archive*")
    assert report["totals"]["delivered"] == sum(report["verified"].values()) == 12


def test_a_folder_that_a_run_did_not_come_to_has_no_figures(move: Move) -> None:
    move.copy("--folder", "Archive*")
    with Mailbox.open(move.state / COPY_MAILBOX) as mailbox:
        rows, ledger = mailbox.folders.all(), mailbox.ledger(move.target.url)
        report = gather_report(
            mailbox, ledger, command="copy", source="old", target="new", started_utc=0, taken=rows, stopped="interrupted"
        )  # fmt: skip
    lines = [line.split() for line in as_text(report, words_of("en")).split("\n")]
    assert ["INBOX", "–", "–", "–", "–", "–", "not", "reached"] in lines
    assert ["Archive/2020", "12", "12", "0", "0", "0"] in lines
    report.stopped = ""
    assert not report.accounted
    assert "To look at: 2 folders that were not reached." in as_text(report, words_of("en"))


def test_what_is_refused_in_its_mended_form_too_is_not_told_to_be_mended(tmp_path: Path) -> None:
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesOneCannot()) as target:
        move = Move(tmp_path, source, target)
        _, folder = move.copy(status=1)
        assert "Run again with --mend" in told(folder)
        _, folder = move.copy("--mend", status=1)
        assert "invalid rfc5322 message; refused in its mended form too (saved as" in told(folder)
        assert "Run again with --mend" not in told(folder) + (folder / "report.html").read_text()
        assert "Mending did not help. Give its owner the saved file" in told(folder)
        _, folder = move.copy("--mend", "--language", "fr", status=1)
        assert "refusé aussi sous sa forme réparée" in told(folder)


def test_a_dry_run_says_what_it_does_not_look_at(move: Move) -> None:
    words = ["copy", move.source.url, move.target.url, "--dry-run", "--quiet"]
    assert "--since" not in bascule(move.tmp, *words).stdout
    done = bascule(move.tmp, *words, "--folder", "INBOX", "--max-size", "5k").stdout
    assert "20  messages in 1 folder. Nothing was changed." in done
    assert "--since, --before and --max-size are looked at only by the copy." in done


def test_a_dry_run_is_told_in_french(move: Move) -> None:
    words = [
        "copy",
        move.source.url,
        move.target.url,
        "--state",
        move.state,
        "--dry-run",
        "--quiet",
        "--language",
        "fr",
    ]
    first = bascule(move.tmp, *words, "--since", "2024-01-01", "--rename", "Réunions=Reçus").stdout
    assert " 8  Réunions → Reçus  (à créer ; comme demandé)" in first
    assert "40  messages dans 3 dossiers. Rien n’a été modifié." in first
    assert "Tous les messages de ces dossiers sont comptés" in first
    move.copy()
    move.source.store.append(move.source.store.folders[b"Archive/2020"], messages.plain(77))
    later = bascule(move.tmp, *words).stdout
    assert "13  Archive/2020 → Archive/2020  (1 nouveau ou à reprendre)" in later
    assert (
        "41  messages dans 3 dossiers, dont 1 nouveau ou à reprendre d’exécutions précédentes. Rien n’a été modifié."
        in later
    )


def test_a_folder_keeps_the_name_of_the_first_run_and_the_run_says_so_once(move: Move) -> None:
    words = ["copy", move.source.url, move.target.url, "--state", move.state]
    first = bascule(move.tmp, *words, "--rename", "Réunions=Conseils").stderr
    same = bascule(move.tmp, *words, "--rename", "Réunions=Conseils").stderr
    renamed = bascule(move.tmp, *words, "--rename", "Réunions=Assemblées").stderr
    prefixed = bascule(move.tmp, *words, "--prefix", "Old").stderr
    dry = bascule(move.tmp, *words, "--rename", "Réunions=Assemblées", "--dry-run").stdout
    assert "stays" not in first + same
    assert renamed.count("On the new side Réunions stays Conseils: --rename and --prefix count when") == 1
    assert prefixed.count("On the new side Archive/2020 stays Archive/2020, Réunions stays Conseils: ") == 1
    assert dry.count("On the new side Réunions stays Conseils: ") == 1
    assert set(move.target.store.folders) == {b"INBOX", b"Archive", b"Archive/2020", b"Conseils"}


def test_a_folder_that_lies_below_the_prefix_of_the_first_run_stays_there_and_the_run_says_so(move: Move) -> None:
    move.copy("--prefix", "Old")
    words = ["copy", move.source.url, move.target.url, "--state", move.state]
    assert "stays" not in bascule(move.tmp, *words, "--prefix", "Old/").stderr
    said = bascule(move.tmp, *words).stderr
    assert "On the new side Archive/2020 stays Old/Archive/2020, Réunions stays Old/Réunions: " in said


def test_a_dry_run_knows_what_earlier_runs_did(move: Move) -> None:
    words = ["copy", move.source.url, move.target.url, "--state", move.state, "--dry-run", "--quiet"]
    assert "40  messages in 3 folders. Nothing was changed." in bascule(move.tmp, *words).stdout
    move.copy("--prefix", "Old", "--rename", "Réunions=Conseils", "--without-folder", "INBOX")
    move.source.store.append(move.source.store.folders[b"Archive/2020"], messages.plain(77))
    catalogue = move.state / COPY_MAILBOX / CATALOGUE
    before = catalogue.read_bytes()
    done = bascule(move.tmp, *words).stdout
    assert "13  Archive/2020 → Old/Archive/2020  (1 new or left; " in done
    assert " 8  Réunions → Old/Conseils  (renamed there" in done
    assert "41  messages in 3 folders, 21 of them new or left from earlier runs. Nothing was changed." in done
    assert catalogue.read_bytes() == before


def test_a_later_run_says_what_it_did_itself_beside_what_all_did(move: Move) -> None:
    first, text = move.copy("--language", "en")
    assert first["this_run"] == {"delivered": 40, "moved": 0, "flagged": 0}
    assert "This run" not in told(text)
    inbox, archive = (move.source.store.folders[name] for name in (b"INBOX", b"Archive/2020"))
    gone, flagged, *_ = inbox.messages
    inbox.remove([gone])
    move.source.store.append(archive, gone.octets, gone.flags, gone.date)
    move.source.store.append(archive, messages.plain(77))
    inbox.change(flagged, flagged.flags ^ {b"\\Flagged"})
    second, text = move.copy("--language", "en")
    assert second["this_run"] == {"delivered": 2, "moved": 1, "flagged": 1}
    did = "This run: 2 delivered, 1 moved as in the old mailbox, 1 marked as in the old mailbox. The figures"
    assert did in told(text)
    assert did in (text / "report.html").read_text()
    _, text = move.copy("--language", "fr")
    assert "Lors de cette exécution : rien de nouveau." in told(text)
