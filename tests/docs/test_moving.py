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
        ("BASCULE", shlex.quote(str(place / "bin" / "bascule"))),
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


def run(script: Path) -> subprocess.CompletedProcess[str]:
    variables = environment(script.parent)
    return subprocess.run([script], env=variables, capture_output=True, text=True, timeout=120, check=False)


def test_each_mailbox_has_its_state_and_what_ended_otherwise_is_shown(tmp_path: Path) -> None:
    old = Store()
    old.append(old.folders[b"INBOX"], messages.plain(1))
    with QuirkServer(Quirk(), old) as source, QuirkServer(Quirk()) as target:
        script = night(tmp_path, source, target)
        (tmp_path / "people").write_text("anna anna\nnobody:wrong nobody\n")
        done = run(script)
    assert (tmp_path / "ended").read_text().split("\n")[0] == "0 anna", done
    assert re.fullmatch(r"[23] nobody\n1 of 2 ended well.\n", done.stdout), done
    assert len(list((tmp_path / "states" / "anna" / "reports").iterdir())) == 1
    assert "Le compte y est" in (tmp_path / "states" / "anna" / "last.txt").read_text()
    assert len(target.store.folders[b"INBOX"].messages) == 1


def test_a_list_from_windows_whose_last_line_has_no_end_is_worked_off_in_full_and_a_line_that_is_no_pair_is_shown(
    tmp_path: Path,
) -> None:
    with QuirkServer(Quirk()) as source, QuirkServer(Quirk()) as target:
        script = night(tmp_path, source, target)
        people = "\ufeffdenis denis\r\n\r\n# those who left\r\nbob\r\nchloe chloe Chloé Roux\r\nanna anna"
        (tmp_path / "people").write_bytes(people.encode())
        done = run(script)
    no_pairs = [f"2 not understood, two names to a line: {line}" for line in ("bob", "chloe chloe Chloé Roux")]
    assert (tmp_path / "ended").read_text("utf-8").splitlines() == ["3 denis", *no_pairs, "0 anna"], done
    assert done.stdout.splitlines() == ["3 denis", *no_pairs, "1 of 4 ended well."]
    assert sorted(place.name for place in (tmp_path / "states").iterdir()) == ["anna", "denis"]
