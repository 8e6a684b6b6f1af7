"""What a review asks of the catalogue and the ledger, and what that costs."""

from pathlib import Path

from bascule.deliver.agenda import agenda_of, flagged_in, vanished_in
from bascule.deliver.reading_back import VerifyLevel
from bascule.deliver.stations import Stations
from bascule.mailbox import Mailbox

STEPS = 100
"""Of SQLite's machine, between two counts."""


def a_mailbox(place: Path, others: int) -> Mailbox:
    """Folder 1 with ten delivered messages, one flagged since and one that vanished, and ``others`` more of ten each."""
    mailbox = Mailbox.open_or_create(place, keeps_bodies=False)
    target = mailbox.ledger("imap://u@h").target
    with mailbox.transaction() as database:
        mailbox.folders.begin_delta(1)
        numbers = [mailbox.flagsets.number_of(frozenset(flags)) for flags in ((), ("\\Seen",))]
        for folder in range(1, others + 2):
            database.execute("INSERT INTO folders (id, path) VALUES (?, ?)", (folder, f'["{folder}"]'))
            rows = [(folder, uid, numbers[uid == 1], 5 if uid == 2 else None) for uid in range(10)]
            database.executemany(
                "INSERT INTO messages (folder, uidvalidity, uid, sha256, octets, date_utc, flagset, vanished_utc) VALUES (?, 1, ?, x'00', 1, 1, ?, ?)",
                rows,
            )
        database.execute(
            "INSERT INTO outcomes (target, message, code, target_uid, flagset, source_flagset, verified)"
            " SELECT ?, id, 'delivered', uid, ?, ?, 1 FROM messages",
            (target, numbers[0], numbers[0]),
        )
    return mailbox


def steps(place: Path, others: int) -> int:
    """How many steps folder 1 costs, with its part of the end of a run."""
    counted: list[int] = []
    with a_mailbox(place, others) as mailbox:
        ledger = mailbox.ledger("imap://u@h")
        mailbox.database.set_progress_handler(lambda: counted.append(STEPS), STEPS)
        [flagged] = flagged_in(mailbox, ledger.target, 1)[1]
        [vanished] = vanished_in(mailbox, ledger.target, Stations({}), 0, (), 1)[1]
        agenda = agenda_of(mailbox, ledger, VerifyLevel.NONE, None, frozenset({1}))
        mailbox.database.set_progress_handler(None, 0)
        assert (flagged.target_uid, vanished.target_uid, agenda.folders) == (1, 2, {1})
        assert agenda_of(mailbox, ledger, VerifyLevel.NONE, 0).folders == set(range(1, others + 2))
    return sum(counted)


def test_a_folder_costs_what_it_holds_whatever_the_others_hold(tmp_path: Path) -> None:
    alone, among_many = steps(tmp_path / "a", 0), steps(tmp_path / "b", 300)
    assert among_many < alone + 10 * STEPS
