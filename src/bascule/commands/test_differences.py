"""What `verify` tells on a terminal: faults before what is only to do, and all that is at fault is in the figures."""

import pytest

from bascule.commands.differences import show_comparison
from bascule.deliver.comparison import Comparison, Finding, Kind
from bascule.deliver.comparison.census import FolderCensus
from bascule.deliver.comparison.compare import compare
from bascule.deliver.comparison.words import comparison_words_of
from bascule.terms.errors import ExitStatus
from bascule.terms.folder import FolderPath

ENGLISH = comparison_words_of("en")


def test_a_fault_is_told_before_a_hundred_that_are_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    result = Comparison(knows=True)
    for uid in range(1, 151):
        result.add(Finding(Kind.TO_DO, "not on the new side yet: no run has dealt with it", "INBOX", uid))
    result.add(Finding(Kind.FAULT, "its octets are others on the new side (7 became 8)", "Work", 9))
    assert show_comparison(result, ENGLISH, as_json=False) is ExitStatus.MISSING
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("Work UID 9: its octets are others")
    assert last == "1 is at fault."


def test_what_the_old_side_does_not_give_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    path = FolderPath(("INBOX",))
    old = FolderCensus(path, b"INBOX", 1, unreadable={5: "damaged", 6: "damaged"}, unlisted=1)
    closed = FolderCensus(FolderPath(("Closed",)), b"Closed", 1, error="permission denied")
    names = {path: b"INBOX", closed.path: b"Closed"}
    result = compare([old, closed], [FolderCensus(path, b"INBOX", 1)], names, None, frozenset())
    assert show_comparison(result, ENGLISH, as_json=False) is ExitStatus.MISSING
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "0 of 3 messages are equal in every octet, flag and date.",
        "3 are at fault.",
        "1 folder could not be compared to its end.",
    ]
