"""The signing key: one for all, whole, and nobody else's to read."""

import multiprocessing
import os
import stat
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from bascule.deliver.proof import certificate
from bascule.terms.errors import BasculeError, ExitStatus

AT_ONCE = 4
_barrier: Barrier


def _begin(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _public_key(round_: int) -> bytes:
    _barrier.wait(30)
    return certificate._key().public_key().public_bytes_raw()


def test_runs_that_make_the_key_at_the_same_instant_all_sign_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork = multiprocessing.get_context("fork")
    for round_ in range(4):
        place = tmp_path / f"{round_}/config/key.pem"
        monkeypatch.setenv("BASCULE_KEY", str(place))
        barrier = fork.Barrier(AT_ONCE)
        with ProcessPoolExecutor(AT_ONCE, mp_context=fork, initializer=_begin, initargs=(barrier,)) as pool:
            assert len(set(pool.map(_public_key, [round_] * AT_ONCE))) == 1
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_named_and_not_waited_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "key.pem")
    monkeypatch.setenv("BASCULE_KEY", str(tmp_path / "key.pem"))
    with pytest.raises(BasculeError, match=r"key\.pem is not an Ed25519 key") as told:
        certificate._key()
    assert told.value.status is ExitStatus.USAGE


@pytest.mark.parametrize("octets", [b"", b"-----BEGIN PRIVATE KEY-----\nMC4CAQ", b"\xff\x00"])
def test_what_is_no_key_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, octets: bytes) -> None:
    place = tmp_path / "key.pem"
    place.write_bytes(octets)
    monkeypatch.setenv("BASCULE_KEY", str(place))
    with pytest.raises(BasculeError, match=r"key\.pem is not an Ed25519 key") as told:
        certificate._key()
    assert told.value.status is ExitStatus.USAGE
    assert place.read_bytes() == octets
