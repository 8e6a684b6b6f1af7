"""One portal for each test process, emptied before each test. ``BASCULE_TEST_DATABASE`` puts it on PostgreSQL (`test_on_postgresql.py`)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.portal import Portal, configuration


@pytest.fixture(scope="session")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("portal")
    config = root / "bascule.toml"
    config.write_text(configuration(database=os.environ.get("BASCULE_TEST_DATABASE")))
    (root / "data").mkdir()
    from bascule.portal.start import migrate, start

    start(config)
    migrate()
    return config


@pytest.fixture
def portal(_started: Path) -> Iterator[Portal]:
    made = Portal(_started)
    made.empty()
    yield made
    made.close()
