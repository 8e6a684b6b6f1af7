"""What we signed is what leaves: another server finds the signature right, whatever line ends a program wrote."""

import time
from collections.abc import Iterator
from pathlib import Path

import dkim
import pytest

from bascule.platform.smtp.dkim import Signer
from support.far_server import FarServer
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue


@pytest.fixture(scope="module")
def far() -> Iterator[FarServer]:
    with FarServer() as running:
        yield running


@pytest.fixture(scope="module")
def near(far: FarServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBascule]:
    place: Path = tmp_path_factory.mktemp("near")
    with PrivateBascule(place, settings={"queue": f'smarthost = "127.0.0.1:{far.port}"'}) as running:
        yield running


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"one\r\ntwo\r\n", id="as they should be"),
        pytest.param(b"one\rtwo\r\rthree\r\n", id="CR alone"),
        pytest.param(b"one\ntwo\n\nthree\r\n", id="LF alone"),
        pytest.param(b"one\r\r\ntwo\n\rthree\r\r\n", id="CR CR LF"),
        pytest.param(b"one\r.\rtwo\n.\n.three\r\n.\r\r\n", id="dots between"),
        pytest.param(b"one\0two\r\n", id="NUL"),
        pytest.param(b"0123456789abcde\r" * 320_000 + b"\r\n", id="large"),
    ],
)
def test_the_signature_holds_where_it_arrives(lines: bytes, near: PrivateBascule, far: FarServer) -> None:
    header = f"From: {ANNA}\r\nTo: zoe@far.example\r\nSubject: x\r\n\r\n".encode()
    before = len(far.messages)
    with SmtpDialogue(near.ports["submission"]) as dialogue:
        dialogue.login(ANNA, PASSWORD)
        assert dialogue.deliver(header + lines, ANNA, "zoe@far.example").code == 250
    deadline = time.monotonic() + 30
    while len(far.messages) == before:
        assert time.monotonic() < deadline, near.log()[-2000:]
        time.sleep(0.05)
    found = far.messages[-1].replace(b"\r\n..", b"\r\n.")
    assert found.count(b"\r") == found.count(b"\n") == found.count(b"\r\n")
    signer = Signer(near.root / "data/dkim.pem", "bascule")
    assert dkim.verify(found, dnsfunc=lambda name, **_: signer.record().encode())
