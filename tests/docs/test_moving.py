"""The loop of the guide to moving many mailboxes does what the guide says."""

import fcntl
import re
import shlex
import stat
import subprocess
from pathlib import Path

from support import messages
from support.command import ENTRY, environment
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.refusing import RefusesOneCannot

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
    return subprocess.run(
        [script], env=variables, umask=0o022, capture_output=True, text=True, timeout=120, check=False
    )


def test_each_mailbox_has_its_state_and_what_ended_otherwise_is_shown(tmp_path: Path) -> None:
    old = Store()
    old.append(old.folders[b"INBOX"], messages.plain(1))
    with QuirkServer(Quirk(), old) as source, QuirkServer(Quirk()) as target:
        script = night(tmp_path, source, target)
        (tmp_path / "people").write_text("anna anna\nnobody:wrong nobody\n")
        done = run(script)
    assert (tmp_path / "ended").read_text().split("\n")[0] == "0 anna", done
    told = (
        r"[23] nobody: The (source|target), 127\.0\.0\.1:\d+, refuses the sign-in of “nobody”.*\n1 of 2 ended well.\n"
    )
    assert re.fullmatch(told, done.stdout), done
    assert done.returncode == 1
    assert len(list((tmp_path / "states" / "anna" / "reports").iterdir())) == 1
    assert "Le message est comptabilisé." in (tmp_path / "states" / "anna" / "last.txt").read_text()
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
    denis, *others = (tmp_path / "ended").read_text("utf-8").splitlines()
    assert re.match("3 denis: The (source|target), .* refuses", denis), done
    assert others == [*no_pairs, "0 anna"], done
    assert done.stdout.splitlines() == [denis, *no_pairs, "1 of 4 ended well."]
    assert sorted(place.name for place in (tmp_path / "states").iterdir()) == ["anna", "denis"]


def test_what_is_to_be_looked_at_stands_beside_the_name_and_nobody_else_reads_it(tmp_path: Path) -> None:
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesOneCannot()) as target:
        script = night(tmp_path, source, target)
        (tmp_path / "people").write_text("anna anna\n")
        done = run(script)
        (tmp_path / "bin" / "bascule").chmod(0o600)
        not_begun = run(script)
    assert done.stdout.splitlines()[0] == "1 anna: Sur 40 messages, 39 sont en ordre. À examiner : 1 refusé.", done
    assert re.match(r"126 anna: .*bascule: Permission denied\n0 of 1", not_begun.stdout), not_begun
    for file in ("ended", "states/anna/last.txt", "lock"):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600, file


def test_while_an_earlier_night_runs_nothing_is_begun_and_it_says_so(tmp_path: Path) -> None:
    with QuirkServer(Quirk()) as source, QuirkServer(Quirk()) as target:
        script = night(tmp_path, source, target)
        (tmp_path / "people").write_text("anna anna\n")
        (tmp_path / "ended").write_text("0 anna\n")
        with (tmp_path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = run(script)
        assert (done.returncode, done.stdout[:37]) == (1, "The loop of an earlier night is still"), done
        assert (tmp_path / "ended").read_text() == "0 anna\n"
        done = run(script)
        assert (done.returncode, done.stdout) == (0, "1 of 1 ended well.\n"), done
