"""Whatever a report has to say of a message, it says whose it is and what it is about: `copy` keeps no headers of ordinary ones."""

from pathlib import Path

import pytest

from support.command import report_of
from support.hurry import bascule_in_a_hurry
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.keeping import AddsSeen, Reencodes, ReencodesWithoutUids
from support.quirks.refusing import DropsOneAlways


@pytest.mark.parametrize("oddity", [AddsSeen, Reencodes, ReencodesWithoutUids, DropsOneAlways])
def test_what_is_altered_or_missing_has_its_subject(tmp_path: Path, oddity: type[Quirk]) -> None:
    old, new = Store(), Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(oddity(), new) as target:
        words = ["--json", "--quiet", "--settle", "0.5", "--state", tmp_path / "state"]
        report = report_of(bascule_in_a_hurry(tmp_path, "copy", source.url, target.url, *words))
    assert report["exceptions"]
    assert [each for each in report["exceptions"] if each["octets"] and not each["subject"]] == []
