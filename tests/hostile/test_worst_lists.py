"""One member asks for the worst LIST that can be thought of; another works meanwhile."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule

BERT = "bert@example.org"
WORST = [
    'LIST "" "%a*%a*%a*%a*%a*%a*z"',
    f'LIST "" "{"%*" * 500}z"',
    f'LIST "" "{"*a" * 120}z"',
    f'LSUB "" "{"a%" * 120}z"',
    f'LIST "" ({" ".join([chr(34) + "*a%a*b" + chr(34)] * 100)})',
    'LIST (SUBSCRIBED RECURSIVEMATCH) "" "*"',
    f'LIST "{"a" * 200}" "*%a*%a*%z"',
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBascule]:
    with PrivateBascule(tmp_path_factory.mktemp("lists"), accounts=(ANNA, BERT)) as running:
        with contextlib.closing(Dialogue(running.imap)) as client:
            client.ok(f"LOGIN {ANNA} {PASSWORD}")
            for number in range(300):
                client.ok(f"CREATE {'a' * 240}{number}")
            client.ok(f"CREATE {'/'.join('a' * 20)}")
        yield running


@pytest.mark.parametrize("worst", WORST, ids=[str(number) for number in range(len(WORST))])
def test_the_worst_list_ends_and_another_member_is_served(worst: str, server: PrivateBascule, tmp_path: Path) -> None:
    ended = threading.Event()

    def ask() -> None:
        with contextlib.closing(Dialogue(server.imap)) as client:
            client.ok(f"LOGIN {ANNA} {PASSWORD}")
            client.ok(worst)
        ended.set()

    asking = threading.Thread(target=ask)
    asking.start()
    slowest = 0.0
    with contextlib.closing(Dialogue(server.imap)) as other:
        other.ok(f"LOGIN {BERT} {PASSWORD}")
        while not ended.is_set():
            begun = time.monotonic()
            other.ok('LIST "" "*"')
            slowest = max(slowest, time.monotonic() - begun)
            assert slowest < 5
            time.sleep(0.05)
    asking.join()


def test_patterns_longer_than_any_name_are_refused(server: PrivateBascule) -> None:
    with contextlib.closing(Dialogue(server.imap)) as client:
        client.ok(f"LOGIN {ANNA} {PASSWORD}")
        assert client.no('LIST "" {}', b"a*" * 3000).code == "LIMIT"
