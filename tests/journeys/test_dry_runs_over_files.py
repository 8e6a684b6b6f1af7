"""`copy --dry-run` over files says what a run would find new, and leaves no trace."""

from pathlib import Path

import pytest

from support.command import bascule
from support.quirks import QuirkServer


def mail(number: int) -> bytes:
    return b"From: a@example.org\r\nSubject: number %d\r\n\r\nbody %d\r\n" % (number, number)


def put(place: Path, numbers: range) -> None:
    for file in place.glob("*.eml"):
        file.unlink()
    place.mkdir(exist_ok=True)
    for number in numbers:
        (place / f"{number}.eml").write_bytes(mail(number))


@pytest.mark.parametrize(("numbers", "new"), [(range(5), 0), (range(2, 7), 2), (range(5, 9), 4), (range(1), 0)])
def test_what_came_while_something_went_is_new(numbers: range, new: int, tmp_path: Path) -> None:
    place = tmp_path / "mail"
    put(place, range(5))
    with QuirkServer() as server:
        words = (f"eml:{place}", server.url, "--state", tmp_path / "state", "--insecure")
        bascule(tmp_path, "copy", *words)
        put(place, numbers)
        told = bascule(tmp_path, "copy", *words, "--dry-run").stdout
        assert f", {new} of them new or left from earlier runs." in told


def test_a_dry_run_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "mail"
    put(place, range(5))
    with QuirkServer() as server:
        words = (f"eml:{place}", server.url, "--state", tmp_path / "state", "--insecure")
        bascule(tmp_path, "copy", *words)
        before = _files(tmp_path / "state")
        bascule(tmp_path, "copy", *words, "--dry-run")
        bascule(tmp_path, "verify", *words)
        assert _files(tmp_path / "state") == before


def _files(place: Path) -> dict[str, bytes]:
    return {str(file.relative_to(place)): file.read_bytes() for file in sorted(place.rglob("*")) if file.is_file()}
