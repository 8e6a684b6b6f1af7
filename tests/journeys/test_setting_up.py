"""What `make setup`, `make test-setup` and the tests' browser do to the machine and ask of the world."""

import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Error

from support.browser import chromium

ROOT = Path(__file__).parents[2]
# In the place of uv, which would ask for packages: an environment, and the project's path in full, as the real one leaves it there.
UV = f"""#!/bin/sh
case $1 in
venv) '{sys.executable}' -m venv --without-pip .venv ;;
pip) [ $2 != install ] || printf '%s/src\\n' "$PWD" >"$(echo .venv/lib/python3*/site-packages)/_editable_impl_bascule.pth" ;;
esac
"""


def test_bascule_starts_where_the_path_has_an_accent_and_the_locale_is_c(tmp_path: Path) -> None:
    clone = tmp_path / "Été à la mer"
    (clone / "src/bascule").mkdir(parents=True)
    (clone / "src/bascule/__init__.py").write_text("")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, clone)
    uv = tmp_path / "uv"
    uv.write_text(UV)
    uv.chmod(0o755)
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    for command in (["make", "setup", f"UV={uv}"], [".venv/bin/python", "-c", "import bascule"]):
        done = subprocess.run(command, cwd=clone, env=bare, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b""), done


def test_of_the_services_that_setup_parts_installs_none_starts_at_the_next_boot(tmp_path: Path) -> None:
    """What started before still does; a package's own link and script of the older kind are taken out again."""
    script = (ROOT / "tests/setup-parts").read_text()
    functions = "".join(re.findall(r"^(?:at_boot|start_no_other_than)\(\) \{.*?^\}\n", script, re.M | re.S))
    assert "start_no_other_than()" in functions
    wanted = tmp_path / "etc/systemd/system/multi-user.target.wants"
    older = tmp_path / "etc/rc2.d"
    for folder in (wanted, older):
        folder.mkdir(parents=True)
    (wanted / "cron.service").symlink_to("/lib/systemd/system/cron.service")
    (older / "S01cron").symlink_to("../init.d/cron")
    installs = f"ln -s /lib/x.service {wanted}/dovecot.service; ln -s ../init.d/dovecot {older}/S01dovecot"
    rehearsal = (
        'as_root() { if [ "$1" = update-rc.d ]; then echo "$*" >&3; else "$@"; fi; }\n'
        + functions.replace(" /etc/", f" {tmp_path}/etc/").replace("\t/etc/rc", f"\t{tmp_path}/etc/rc")
        + f"at_boot >{tmp_path}/before\n{installs}\nstart_no_other_than {tmp_path}/before 3>{tmp_path}/disabled\n"
    )
    subprocess.run(["bash", "-euo", "pipefail", "-c", rehearsal], check=True, timeout=60)
    assert [path.name for path in wanted.iterdir()] == ["cron.service"]
    assert (tmp_path / "disabled").read_text() == "update-rc.d dovecot disable\n"
    installation = script[script.index('at_boot >"$before"') :]
    assert installation.index("apt-get install -y") < installation.index('start_no_other_than "$before"')


@pytest.mark.needs("chromium")
def test_the_tests_browser_looks_up_no_name_but_that_of_this_machine() -> None:
    """Chromium itself knows where x.localhost is; it would be found, were it not that no name is."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with chromium() as browser:
            page = browser.new_page()
            for here in ("127.0.0.1", "localhost"):
                assert page.goto(f"http://{here}:{server.server_port}/") is not None
            with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
                page.goto(f"http://x.localhost:{server.server_port}/")
        server.shutdown()
    launchers = [path for path in (ROOT / "tests").rglob("*.py") if "chromium.launch(" in path.read_text("utf-8")]
    assert set(launchers) - {Path(__file__)} == {ROOT / "tests/support/browser.py"}
