import time
from pathlib import Path

import pytest

from bascule.platform.clock import Clock


def test_without_a_file_it_is_real_time() -> None:
    assert Clock()() == pytest.approx(time.time(), abs=1)


def test_what_one_process_moves_another_sees(tmp_path: Path) -> None:
    mine, theirs = Clock(tmp_path / "clock"), Clock(tmp_path / "clock")
    assert theirs() == pytest.approx(time.time(), abs=1)
    mine.move_to(1_700_000_000)
    assert theirs() == pytest.approx(1_700_000_000, abs=1)
    mine.move_to(1_800_000_000)
    assert theirs() == pytest.approx(1_800_000_000, abs=1)
