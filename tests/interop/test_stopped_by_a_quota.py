"""A run that a quota stops in the middle leaves nothing half written, and nothing unheard."""

from pathlib import Path

import pytest

from support.command import bascule, report_of
from support.hurry import bascule_in_a_hurry
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.server import Session
from support.quirks.syntax import Command, No


class Full(Quirk):
    """Takes nothing while ``is_full``."""

    without = frozenset({"MULTIAPPEND"})
    is_full = False

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and self.is_full:
            raise No("[OVERQUOTA] Not enough disk quota")


class Narrow(Quirk):
    """Has room for small messages, and none for large ones."""

    def __init__(self, *without: str) -> None:
        self.without = frozenset(without)

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and any(isinstance(a, bytes) and len(a) > 1_000 for a in command.arguments):
            raise No("[OVERQUOTA] Not enough disk quota")


def words(source: QuirkServer, target: QuirkServer, tmp_path: Path) -> list[object]:
    return ["copy", source.url, target.url, "--json", "--quiet", "--state", tmp_path / "state", "--connections", "1"]


def test_what_the_member_removed_stays_away_though_a_quota_stopped_the_run_that_saw_it_move(tmp_path: Path) -> None:
    old, full = Store(), Full()
    inbox, archive = old.folders[b"INBOX"], old.create(b"Archive")
    text = b"Subject: m\r\n\r\nm\r\n"
    old.append(inbox, text)
    old.append(archive, b"Subject: x\r\n\r\nx\r\n")
    with QuirkServer(Quirk(), old) as source, QuirkServer(full) as target:

        def is_there() -> bool:
            return any(m.octets == text for folder in target.store.folders.values() for m in folder.messages)

        assert bascule_in_a_hurry(tmp_path, *words(source, target, tmp_path)).returncode == 0
        there = target.store.folders[b"INBOX"]
        there.remove(there.messages)
        inbox.remove(inbox.messages)
        for number in range(401):  # three batches are on their way, and the fourth is full, when m's turn comes
            old.append(archive, text if number == 400 else b"Subject: %d\r\n\r\n" % number)
        old.append(archive, b"Subject: last\r\n\r\n")
        full.is_full = True
        assert "no room left" in bascule_in_a_hurry(tmp_path, *words(source, target, tmp_path)).stdout
        full.is_full = False
        for _ in range(2):
            bascule_in_a_hurry(tmp_path, *words(source, target, tmp_path))
            assert not is_there()


@pytest.mark.parametrize("without", [(), ("MULTIAPPEND",)], ids=["in batches", "one by one"])
def test_what_the_target_takes_behind_the_message_that_finds_no_room_is_known(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    """The member reads and deletes it; the next run does not bring it back."""
    old = Store()
    inbox = old.folders[b"INBOX"]
    for number in range(250):
        old.append(inbox, b"Subject: %d\r\n\r\n" % number + (b"x" * 2_000 if number == 30 else b""))
    with QuirkServer(Quirk(), old) as source, QuirkServer(Narrow(*without)) as target:
        done = bascule(tmp_path, *words(source, target, tmp_path), status=1)
        there = target.store.folders[b"INBOX"]
        assert "no room left" in done.stdout
        assert report_of(done)["totals"]["delivered"] == len(there.messages) > 100
        taken = {m.octets for m in there.messages}
        there.remove(list(there.messages))
        bascule(tmp_path, *words(source, target, tmp_path), status=1)
        assert not taken & {m.octets for m in there.messages}


def test_a_run_that_was_stopped_says_how_much_it_left(tmp_path: Path) -> None:
    old, full = Store(), Full()
    for number in range(600):
        old.append(old.folders[b"INBOX"], b"Subject: %d\r\n\r\n" % number)
    full.is_full = True
    with QuirkServer(Quirk(), old) as source, QuirkServer(full) as target:
        run = [*words(source, target, tmp_path), "--report"]
        bascule(tmp_path, *run, tmp_path / "en", "--language", "en", status=1)
        left = report_of(bascule(tmp_path, *run, tmp_path / "fr", "--language", "fr", status=1))["totals"][
            "unaccounted"
        ]
    english, french = ((tmp_path / place / "report.txt").read_text() for place in ("en", "fr"))
    assert 0 < left < 600
    assert english.startswith("Copy of a mailbox: imap://")
    assert (
        "Stopped before the end: The target has no room left: [OVERQUOTA] Not enough disk quota. Raise the quota and run the same command again; it goes on "
        f"where it stopped. What was delivered until then is kept, and counted in the table. Still to do: {left} messages that no run has dealt with yet.\n"
    ) in english
    assert french.startswith("Copie d’une boîte : imap://")
    assert (
        "Arrêté avant la fin : la nouvelle plateforme n’a plus de place ([OVERQUOTA] Not enough disk quota). Augmenter le quota et relancer la même commande ; "
        f"la copie reprend où elle s’est arrêtée. Ce qui a été transféré jusque-là est conservé, et compté dans le tableau. Reste à faire : {left} messages "
        "qu’aucune exécution n’a encore traités.\n"
    ) in french


def test_the_report_names_what_found_no_room_by_its_subject(tmp_path: Path) -> None:
    old = Store()
    for number in range(3):
        old.append(
            old.folders[b"INBOX"], b"Subject: photo %d\r\n\r\n" % number + (b"x" * 2_000 if number == 1 else b"")
        )
    with QuirkServer(Quirk(), old) as source, QuirkServer(Narrow()) as target:
        report = report_of(bascule(tmp_path, *words(source, target, tmp_path), status=1))
    [one] = report["exceptions"]
    assert (one["code"], one["subject"]) == ("refused-quota", "photo 1")
