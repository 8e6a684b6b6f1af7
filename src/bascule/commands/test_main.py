"""What a command loads before it begins: a campaign starts `copy` 12,000 times a night."""

import subprocess
import sys
from pathlib import Path

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


def test_a_password_from_a_file_loads_nothing_of_the_platform_s(tmp_path: Path) -> None:
    """Whether everybody can read it is asked of the file alone."""
    file = tmp_path / "password"
    file.write_text("secret")
    told = subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path; from bascule.commands.passwords import warn_of_readers;"
         " warn_of_readers(Path(sys.argv[1])); print(*sys.modules)", file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "bascule.platform.permissions" in (loaded := told.stdout.split())
    assert [name for name in loaded if name.startswith("bascule.platform.settings")] == []
