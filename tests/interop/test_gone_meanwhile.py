"""What goes away on the old side while it is read is no fault of the run, whatever earlier runs knew of it."""

from pathlib import Path

from support.command import report_of
from support.hurry import bascule_in_a_hurry
from support.quirks import QuirkServer, Store, sample
from support.quirks.reading import VanishesMeanwhile
from support.quirks.refusing import RefusesOneTooBig


def test_what_an_earlier_run_was_refused_and_goes_before_it_is_read_again_is_told_no_more(tmp_path: Path) -> None:
    old, new = Store(), Store()
    sample.fill(old)
    vanishing = VanishesMeanwhile()
    vanishing.gone = True
    with QuirkServer(vanishing, old) as source, QuirkServer(RefusesOneTooBig(), new) as target:
        words = ["copy", source.url, target.url, "--json", "--quiet", "--state", tmp_path / "state"]
        first = report_of(bascule_in_a_hurry(tmp_path, *words))  # type: ignore[arg-type]  # has what it reads
        vanishing.gone = False
        done = bascule_in_a_hurry(tmp_path, *words)
    second = report_of(done)  # type: ignore[arg-type]  # has what it reads
    assert [(one["folder"], one["uid"]) for one in first["exceptions"]] == [("INBOX", 7)]
    assert (first["totals"]["found"], second["totals"]["found"]) == (40, 39)
    assert (second["exceptions"], second["totals"]["unaccounted"], done.returncode) == ([], 0, 0), done.stderr
