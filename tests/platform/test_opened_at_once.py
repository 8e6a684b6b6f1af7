"""The processes of a new installation begin at once, and each opens files that none has made yet."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest

from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.smtp.queue import QueueStore

AT_ONCE, TIMES = 6, 40


def accounts(data: Path) -> None:
    with closing(EmbeddedAccounts(data / "accounts.sqlite")) as opened:
        assert opened.find("nobody@example.org") is None


def queue(data: Path) -> None:
    with closing(QueueStore(data)) as opened:
        assert opened.submitted_within_a_day("nobody") == 0


@pytest.mark.parametrize("opens", [accounts, queue])
def test_all_have_it(opens: Callable[[Path], None], tmp_path: Path) -> None:
    """SQLite told one of them at once that the file was locked, and its process died and was started again."""

    def at_once(data: Path, together: Barrier) -> None:
        together.wait(10)
        opens(data)

    with ThreadPoolExecutor(AT_ONCE) as processes:
        for number in range(TIMES):
            data = tmp_path / str(number)
            data.mkdir()
            list(processes.map(partial(at_once, together=Barrier(AT_ONCE)), [data] * AT_ONCE))
