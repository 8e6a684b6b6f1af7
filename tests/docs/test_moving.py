"""The loop of the guide to moving many mailboxes does what the guide says."""

import re
import shlex
import subprocess
from pathlib import Path

from support import messages
from support.command import ENTRY, environment
from support.quirks import Quirk, QuirkServer, Store

ROOT = Path(__file__).parents[2]


def night(place: Path, source: QuirkServer, target: QuirkServer) -> Path:
    """The script as the guide has it, with other servers, and passwords as for tests."""
    [script] = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/moving.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    for name, value in (
        ("OLD", f"imap://%@127.0.0.1:{source.port}"),
        ("NEW", f"imap://%@127.0.0.1:{target.port}"),
        ("SIGN_IN", ""),
    ):
        script, found = re.subn(rf"^{name}=.*$", f"{name}={value}", script, flags=re.MULTILINE)
        assert found == 1
    (place / "bin").mkdir()
    for file, text in (
        (place / "night.sh", script),
        (place / "bin" / "bascule", f'#!/bin/sh\nexec {shlex.join(ENTRY)} "$@"\n'),
    ):
        file.write_text(text)
        file.chmod(0o755)
    return place / "night.sh"


def test_each_mailbox_has_its_state_and_what_ended_otherwise_is_shown(tmp_path: Path) -> None:
    old = Store()
    old.append(old.folders[b"INBOX"], messages.plain(1))
    with QuirkServer(Quirk(), old) as source, QuirkServer(Quirk()) as target:
        script = night(tmp_path, source, target)
        (tmp_path / "people").write_text("anna anna\nnobody:wrong nobody\n")
        variables = environment(tmp_path)
        variables["PATH"] = f"{tmp_path / 'bin'}:{variables['PATH']}"
        done = subprocess.run([script], env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert (tmp_path / "ended").read_text().split("\n")[0] == "0 anna", done
    assert re.fullmatch(r"[23] nobody\n", done.stdout), done
    assert len(list((tmp_path / "states" / "anna" / "reports").iterdir())) == 1
    assert "Le compte y est" in (tmp_path / "states" / "anna" / "last.txt").read_text()
    assert len(target.store.folders[b"INBOX"].messages) == 1
