"""Every real message of the corpora, into a mailbox and out, and through real servers and back.

``corpora-messages.txt`` lists the files that are messages. A message comes back equal (after one rule: on the wire a bare LF is
CRLF), or the report names it as refused or as altered by the target.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import Mailbox, check
from support import parts
from support.command import bascule, report_of
from support.cyrus import PrivateCyrus
from support.dovecot import PrivateDovecot

pytestmark = [pytest.mark.needs("corpora"), pytest.mark.xdist_group("corpora")]
LIST = Path(__file__).with_name("corpora-messages.txt")
USER = "anna"


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def on_the_wire(octets: bytes) -> bytes:
    return re.sub(rb"(?<!\r)\n", b"\r\n", octets)


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    folder = parts.folder("BASCULE_CORPORA")
    assert folder is not None
    return [(folder / "mail" / name).read_bytes() for name in LIST.read_text().splitlines()]


@pytest.fixture(scope="module")
def imported(originals: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("c")
    (place / "eml").mkdir()
    for number, octets in enumerate(originals):
        (place / "eml" / f"{number:04}.eml").write_bytes(octets)
    bascule(place, "import", place / "eml", place / "c.mailbox", "--quiet")
    assert check(place / "c.mailbox") == []
    return place / "c.mailbox"


@pytest.mark.parametrize("kind", ["eml", "mbox", "maildir"])
def test_import_and_export_change_nothing(kind, originals, imported, tmp_path) -> None:
    bascule(tmp_path, "export", imported, tmp_path / "out", "--format", kind, "--quiet")
    bascule(tmp_path, "import", tmp_path / "out", tmp_path / "back.mailbox", "--kind", kind, "--quiet")
    with Mailbox.open(tmp_path / "back.mailbox", read_only=True) as mailbox:
        found = Counter(m.sha256.hex() for f in mailbox.folders.all() for m in mailbox.messages.list(f.id))
    assert found == Counter(map(digest, originals))
    if kind == "eml":
        files = (tmp_path / "out").rglob("*.eml")
        assert Counter(digest(file.read_bytes()) for file in files) == Counter(map(digest, originals))


@pytest.fixture(
    params=[
        pytest.param("dovecot", marks=pytest.mark.needs("dovecot")),
        pytest.param("cyrus", marks=pytest.mark.needs("cyrus")),
        pytest.param("cyrus-munge8bit", marks=pytest.mark.needs("cyrus")),
    ]
)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PrivateDovecot | PrivateCyrus]:
    if request.param == "dovecot":
        with PrivateDovecot(tmp_path / "d") as dovecot:
            yield dovecot
    else:
        with PrivateCyrus([USER], munge8bit=request.param == "cyrus-munge8bit") as cyrus:
            yield cyrus


def test_through_a_server_and_back_each_message_is_equal_or_named(server, originals, imported, tmp_path) -> None:
    mailbox = tmp_path / "c.mailbox"
    _copy(imported, mailbox)
    done = bascule(tmp_path, "deliver", mailbox, server.url(USER), "--json", "--quiet", status=None)
    report = report_of(done)
    own_to_wire = {digest(octets): digest(on_the_wire(octets)) for octets in originals}
    named = Counter(own_to_wire[e["sha256"]] for e in report["exceptions"])
    totals = report["totals"]
    assert totals["found"] == len(originals) == totals["delivered"] + totals["refused"]
    bascule(tmp_path, "capture", server.url(USER), tmp_path / "back.mailbox", "--quiet")
    with Mailbox.open(tmp_path / "back.mailbox", read_only=True) as back:
        found = Counter(m.sha256.hex() for f in back.folders.all() for m in back.messages.list(f.id))
    missing = Counter(digest(on_the_wire(octets)) for octets in originals) - found
    assert not missing - named, "messages came back otherwise, and nobody says so"
    assert len(report["exceptions"]) == sum(missing.values()), json.dumps(report["exceptions"], indent=1)[:3000]
    assert done.returncode == (1 if report["exceptions"] else 0)
    again = report_of(bascule(tmp_path, "deliver", mailbox, server.url(USER), "--json", "--quiet", status=None))
    assert again["totals"]["delivered"] == totals["delivered"]
    with Mailbox.open(tmp_path / "back.mailbox") as back:
        count = back.database.execute("SELECT count(*) FROM messages").fetchone()[0]
    assert count == totals["delivered"]


def test_a_new_mailbox_recognises_what_the_server_altered(server, imported, tmp_path) -> None:
    """Without the state of the first run, the altered messages are still known for what they are, and named so: nothing is added."""
    for name in ("one", "two"):
        _copy(imported, tmp_path / f"{name}.mailbox")
    first = report_of(
        bascule(tmp_path, "deliver", tmp_path / "one.mailbox", server.url(USER), "--json", "--quiet", status=None)
    )
    second = report_of(
        bascule(tmp_path, "deliver", tmp_path / "two.mailbox", server.url(USER), "--json", "--quiet", status=None)
    )
    told = second["totals"]
    assert told["already_there"] + told["altered"] == first["totals"]["delivered"]
    assert told["delivered"] == told["altered"], (
        "those that lie there with other octets are named, and nothing was sent"
    )
    assert told["altered"] >= first["totals"]["altered"]


def _copy(mailbox: Path, to: Path) -> None:
    import shutil

    shutil.copytree(mailbox, to, ignore=shutil.ignore_patterns("reports"))
