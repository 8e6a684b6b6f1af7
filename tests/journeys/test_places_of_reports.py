"""Where the files of reports lie: beside what they report on, each in a folder of its own."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from bascule.commands.report_folder import ReportFolder
from bascule.mailbox import Mailbox
from support import messages, store
from support.command import bascule, report_of
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.refusing import RefusesOneCannot


def folder_of(certificate: str) -> Path:
    return Path(certificate).parent


def test_a_report_that_is_asked_for_lies_in_the_mailbox_and_in_the_state_folder(tmp_path: Path) -> None:
    store.fill(tmp_path / "anna.mailbox", {"INBOX": messages.many(2)})
    old = Store()
    old.append(old.folders[b"INBOX"], messages.plain(1))
    with QuirkServer(Quirk(), old) as source, QuirkServer(Quirk()) as target:
        bascule(tmp_path, "copy", source.url, target.url, "--state", tmp_path / "state", "--quiet")
    for named, place in (
        (tmp_path / "anna.mailbox", tmp_path / "anna.mailbox"),
        (tmp_path / "state", tmp_path / "state"),
        (tmp_path / "state" / "copy.mailbox", tmp_path / "state"),
    ):
        told = report_of(bascule(tmp_path, "report", named, "--json"))
        assert folder_of(told["certificate"]).parent == place / "reports"
    assert not (tmp_path / "reports").exists()


def test_a_refused_message_is_found_from_every_report_that_names_it(tmp_path: Path) -> None:
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesOneCannot()) as target:
        run = ["copy", source.url, target.url, "--state", tmp_path / "state", "--quiet", "--json"]
        for more in ([], ["--report", tmp_path / "handed over"]):
            asked = [bascule(tmp_path, *run, *more, status=1)]
            asked.append(bascule(tmp_path, "report", tmp_path / "state", "--json", status=1))
            asked.append(
                bascule(
                    tmp_path, "report", tmp_path / "state", "--json", "--report", tmp_path / f"e{len(more)}", status=1
                )
            )
            for done in asked:
                told = report_of(done)
                [one] = told["exceptions"]
                assert (folder_of(told["certificate"]) / one["saved_as"]).is_file()
            assert report_of(asked[0])["exceptions"][0]["saved_as"] == "refused/INBOX/7.eml"


def test_on_the_terminal_its_whole_path_is_told(tmp_path: Path) -> None:
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesOneCannot()) as target:
        run = ["copy", source.url, target.url, "--state", tmp_path / "state", "--quiet"]
        for _ in range(2):
            [path] = re.findall(r"\(saved as (.+)\)", bascule(tmp_path, *run, status=1).stdout)
            assert path.startswith(f"{tmp_path}/state/reports/")
            assert Path(path).is_file()
    for file in (tmp_path / "state" / "reports").rglob("report.txt"):
        [path] = re.findall(r"\(saved as (.+)\)", file.read_text())
        assert (file.parent / path).is_file()
        assert not path.startswith("/")


def test_what_is_refused_night_after_night_is_saved_once(tmp_path: Path) -> None:
    old = Store()
    sample.fill(old)
    saved: list[Path] = []
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesOneCannot()) as target:
        run = ["copy", source.url, target.url, "--state", tmp_path / "state", "--quiet", "--json"]
        for night in range(4):
            told = report_of(bascule(tmp_path, *run, status=1))
            [one] = told["exceptions"]
            saved.append((folder_of(told["certificate"]) / one["saved_as"]).resolve(strict=True))
            files = sorted((tmp_path / "state" / "reports").rglob("*.eml"))
            assert len(files) == (1 if night < 3 else 2)
            if night == 2:
                files[0].write_bytes(b"another")
    assert saved[0] == saved[1] == saved[2]
    assert saved[3] != saved[0]
    assert saved[3].read_bytes() == old.folders[b"INBOX"].messages[6].octets


def test_where_it_was_removed_the_next_run_saves_it_again(tmp_path: Path) -> None:
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(RefusesOneCannot()) as target:
        run = ["copy", source.url, target.url, "--state", tmp_path / "state", "--quiet", "--json"]
        first = folder_of(report_of(bascule(tmp_path, *run, status=1))["certificate"])
        shutil.rmtree(first / "refused")
        second = report_of(bascule(tmp_path, *run, status=1))
    assert (folder_of(second["certificate"]) / "refused" / "INBOX" / "7.eml").is_file()
    assert second["exceptions"][0]["saved_as"] == "refused/INBOX/7.eml"


def test_its_folder_is_named_in_utc_as_the_report_is_dated(tmp_path: Path) -> None:
    store.fill(tmp_path / "anna.mailbox", {"INBOX": messages.many(2)})
    told = report_of(bascule(tmp_path, "report", tmp_path / "anna.mailbox", "--json", TZ="Pacific/Kiritimati"))
    named = datetime.strptime(folder_of(told["certificate"]).name, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    assert abs((named - datetime.fromisoformat(told["finished"])).total_seconds()) < 60


def test_reports_of_one_second_each_have_a_folder(tmp_path: Path) -> None:
    store.fill(tmp_path / "anna.mailbox", {"INBOX": messages.many(2)})
    with Mailbox.open(tmp_path / "anna.mailbox", read_only=True) as mailbox:
        folders = [ReportFolder(mailbox, None) for _ in range(200)]
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(lambda folder: folder.path, folders))
    assert len(set(places)) == 200
    assert [folder.path for folder in folders] == places


def test_a_run_that_comes_to_nothing_leaves_no_folder(tmp_path: Path) -> None:
    done = bascule(tmp_path, "copy", "imap://a@127.0.0.1:9", "imap://b@127.0.0.1:9", "--state", tmp_path / "state", status=3)  # fmt: skip
    assert "bascule: " in done.stderr
    assert not (tmp_path / "state" / "reports").exists()
