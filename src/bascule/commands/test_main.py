"""What a command loads before it begins: a campaign starts `copy` 12,000 times a night."""

import subprocess
import sys

import pytest

NOT_FOR_A_COPY = ("bascule.sources.files", "bascule.deliver.comparison", "bascule.export", "django", "rich")
"""Reading files, comparing two sides in full, writing files, the portal, a bar on a terminal."""


@pytest.mark.parametrize("package", NOT_FOR_A_COPY)
def test_a_copy_between_servers_does_not_load_what_it_does_not_use(package: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys; from bascule.commands.main import cli; cli.get_command(None, 'copy'); print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = told.stdout.split()
    assert "bascule.copy.engine" in loaded
    assert [name for name in loaded if f"{name}.".startswith(f"{package}.")] == []
