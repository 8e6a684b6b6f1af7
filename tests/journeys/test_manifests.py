"""Manifests of a series of runs: each tells what is other than the night before, and all of them hold together."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.deliver.proof.manifest import name_of, read_manifest
from bascule.terms.errors import BasculeError
from bascule.terms.folder import FolderPath
from support.command import bascule, report_of
from support.quirks import Quirk, QuirkServer, Store, sample
from support.quirks.store import Folder


class Nights:
    """A mailbox that is copied again and again, with the state folder in its place."""

    def __init__(self, tmp: Path, source: QuirkServer, target: QuirkServer) -> None:
        self._tmp, self._source, self._target = tmp, source, target
        self.old = source.store
        self.inbox: Folder = source.store.folders[b"INBOX"]

    def run(self, *words: str) -> Path:
        """The folder of the run's report."""
        done = bascule(
            self._tmp, "copy", self._source.url, self._target.url, "--json", "--quiet", "--state", self._tmp / "state", *words
        )  # fmt: skip
        return Path(report_of(done)["certificate"]).parent

    def check(self, folder: Path, status: int = 0) -> str:
        return bascule(self._tmp, "report", "--check", folder / "certificate.json", status=status).stdout

    def whole(self) -> list[str]:
        """What holds now, as a report that was asked for has it."""
        place = self._tmp / f"whole-{time.monotonic_ns()}"
        bascule(self._tmp, "report", self._tmp / "state", "--report", place)
        return (place / "manifest.sha256").read_text().splitlines()


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    old = Store()
    sample.fill(old)
    with QuirkServer(Quirk(), old) as source, QuirkServer(Quirk()) as target:
        yield Nights(tmp_path, source, target)


def test_a_night_s_manifest_tells_what_changed_and_the_whole_can_be_read_from_it(nights: Nights) -> None:
    first = (nights.run() / "manifest.sha256").read_text().splitlines()
    assert len(first) == 40
    quiet = nights.run()
    assert len((quiet / "manifest.sha256").read_text().splitlines()) == 1
    sample.add(nights.old, nights.inbox, 99)
    nights.inbox.remove(nights.inbox.messages[4:5])
    changed = nights.run()
    lines = (changed / "manifest.sha256").read_text().splitlines()
    assert [line[0] for line in lines] == ["#", "-", "+"]
    assert read_manifest(changed / "manifest.sha256").lines == set(nights.whole())
    assert "is unchanged" in nights.check(changed)


def test_a_manifest_whose_ground_is_gone_or_changed_is_told_and_the_next_is_whole(nights: Nights) -> None:
    first, second = nights.run(), nights.run()
    told = (first / "manifest.sha256").read_text()
    (first / "manifest.sha256").write_text(told.replace("delivered", "removed", 1))
    assert "manifest.sha256 builds on another: " in nights.check(second, status=1)
    assert len((nights.run() / "manifest.sha256").read_text().splitlines()) == 40


def test_a_night_s_report_that_was_handed_on_alone_is_not_complete_and_nothing_was_changed(nights: Nights) -> None:
    first, second = nights.run(), nights.run()
    alone = first.parent.parent / "handed on" / second.name
    shutil.copytree(second, alone)
    done = bascule(first.parent, "report", "--check", alone / "certificate.json", status=2)
    assert "Nothing was changed, but it is not complete" in done.stderr
    assert f"Bring the folder {first.name} as well, or write a whole report with “bascule report STATE”." in done.stderr
    shutil.copytree(first, alone.with_name(first.name))
    nights.check(alone)
    (alone / "report.txt").write_text("all is well")
    (first / "manifest.sha256").unlink()
    assert "report.txt was changed since it was signed" in nights.check(alone, status=1)


def test_a_report_in_a_folder_of_its_own_is_whole(nights: Nights, tmp_path: Path) -> None:
    nights.run()
    folder = nights.run("--report", str(tmp_path / "handed over"))
    assert len((folder / "manifest.sha256").read_text().splitlines()) == 40


def test_a_manifest_that_somebody_put_there_is_not_built_on(nights: Nights) -> None:
    """Without the key nobody can slip in a ground that may be changed later."""
    first = nights.run()
    base = first.parent / "00000000-000000"
    base.mkdir()
    (base / "manifest.sha256").write_bytes((first / "manifest.sha256").read_bytes())
    (first / "manifest.sha256").write_text("# since 00000000-000000/manifest.sha256 \n")
    second = nights.run()
    assert len((second / "manifest.sha256").read_text().splitlines()) == 40
    (second / "manifest.sha256").write_bytes(b"\xff\xfe\n")
    assert len((nights.run() / "manifest.sha256").read_text().splitlines()) == 40
    assert "was changed since it was signed" in nights.check(second, status=1)


@pytest.mark.parametrize(
    "octets",
    [b"\xff\n", b"# since v/../../x 00\n", b"# since ../manifest.sha256 \n", b"# since v/manifest.sha256 00\n"],
)
def test_what_is_no_manifest_is_told_in_a_sentence(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "manifest.sha256").write_bytes(octets)
    with pytest.raises(BasculeError, match=r"no manifest|does not say"):
        read_manifest(tmp_path / "manifest.sha256")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"statement": {"files": [[1, "x"]]}, "public_key": "", "signature": ""}',
        '{"statement": 5}',
        "[]",
    ],
)
def test_what_is_no_certificate_is_told_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "certificate.json").write_text(text)
    done = bascule(tmp_path, "report", "--check", tmp_path / "certificate.json", status=2)
    assert "is not a certificate of Bascule's" in done.stderr


_NAMES = st.lists(st.text(" ab/\\\\x20\n\u2028é", min_size=1, max_size=8), min_size=1, max_size=3).map(
    lambda names: FolderPath(tuple(names))
)


@given(_NAMES, _NAMES)
def test_no_two_folders_are_written_alike_and_none_as_two_fields(one: FolderPath, other: FolderPath) -> None:
    assert (name_of(one) == name_of(other)) == (one == other)
    line = f"{'0' * 64}  {name_of(one)}/7  delivered  octets 2026-11-28T13:00:00Z"
    assert len(line.split("  ")) == 4
    assert line.splitlines() == [line]


@pytest.mark.parametrize("name", ["INBOX", "Été/2026", "Sent Items", "Zoë & co"])
def test_usual_names_are_written_as_they_are(name: str) -> None:
    assert name_of(FolderPath.split(name, "/")) == name


def test_a_folder_can_not_add_a_line_s_fields(tmp_path: Path) -> None:
    old = Store()
    forged = b"INBOX/9  delivered  octets 2026-11-28T13:00:00Z"
    old.append(old.create(forged), b"Subject: x\r\n\r\nx\r\n")
    with QuirkServer(Quirk(), old) as source:
        bascule(tmp_path, "capture", source.url, tmp_path / "m.mailbox", "--quiet")
    (manifest,) = (tmp_path / "m.mailbox").rglob("manifest.sha256")
    assert [line.split("  ")[1:] for line in manifest.read_text().splitlines()] == [
        ["INBOX/9\\x20\\x20delivered\\x20\\x20octets 2026-11-28T13:00:00Z/1", "-", "-"]
    ]
