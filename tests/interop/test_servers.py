"""One contract for `bascule copy`, between Dovecot and every server that can be started here, each way round.

Every message is on the new side octet for octet, with its flags, keywords and date, or the report names it, and nothing else; what was
found is what the server itself counts; the exit status agrees; a second run adds nothing; the old side is as it was.
"""

import imaplib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import varied
from support.copying import Trial
from support.dovecot import PrivateDovecot
from support.kinds import USER, Kind, Place, as_parameters
from support.lesser import Without
from support.proxy import Faults, Proxy

pytestmark = [pytest.mark.needs("dovecot")]
IN_FULL = os.environ.get("BASCULE_SOAK") == "1"


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateDovecot]:
    with PrivateDovecot(tmp_path_factory.mktemp("d") / "dovecot") as server:
        yield server


@pytest.fixture(scope="module")
def filled(dovecot: PrivateDovecot) -> Place:
    """The source of all trials that are about the target."""
    place = Place(dovecot.url(USER), dovecot.port)
    varied.fill(place.port, USER)
    return place


@pytest.fixture
def empty(dovecot: PrivateDovecot, request: pytest.FixtureRequest) -> Place:
    """A mailbox of Dovecot's that nobody used."""
    user = "".join(letter for letter in request.node.name if letter.isalnum())
    return Place(dovecot.url(user), dovecot.port, user)


@pytest.mark.parametrize("kind", as_parameters(leave_out=("cyrus-munge8bit",)))
def test_from_every_server_all_arrives_or_is_named(kind: Kind, tmp_path: Path, empty: Place) -> None:
    with kind.start(tmp_path / "old") as old:
        varied.fill(old.port, old.user, raw=kind.raw)
        Trial(tmp_path, old, empty).hold()


@pytest.mark.parametrize("kind", as_parameters())
def test_to_every_server_all_arrives_or_is_named(kind: Kind, tmp_path: Path, filled: Place) -> None:
    with kind.start(tmp_path / "new") as new:
        Trial(tmp_path, filled, new).hold()


_MOST_USED = ("LITERAL+", "UIDPLUS", "MULTIAPPEND", "CONDSTORE", "LIST-EXTENDED", "SPECIAL-USE", "NAMESPACE", "all")
_LESS_USED = (
    "QRESYNC", "ESEARCH", "LIST-STATUS", "MOVE", "ENABLE", "BINARY", "ID", "IDLE", "UNSELECT", "SASL-IR", "CHILDREN", "SORT", "WITHIN",
)  # fmt: skip


def _capabilities() -> list[Any]:
    """Those that Bascule makes most of; the soak takes the rest away too."""
    names = (*_MOST_USED, *_LESS_USED) if IN_FULL else _MOST_USED
    return [pytest.param(Without(*([] if name == "all" else [name])), id=name) for name in names]


@pytest.mark.soak
@pytest.mark.parametrize("without", _capabilities())
def test_to_a_dovecot_that_lacks_a_capability(without: Without, tmp_path: Path, filled: Place, empty: Place) -> None:
    with Proxy(empty.port, Faults(lesser=without)) as proxy:
        Trial(tmp_path, filled, empty, url=f"imap://{empty.user}@127.0.0.1:{proxy.port}").hold()
    assert without.used == [], "what was not offered was used"


@pytest.mark.soak
@pytest.mark.parametrize("without", _capabilities() if IN_FULL else [pytest.param(Without(), id="all")])
def test_from_a_dovecot_that_lacks_a_capability(without: Without, tmp_path: Path, filled: Place, empty: Place) -> None:
    with Proxy(filled.port, Faults(lesser=without)) as proxy:
        old = Place(f"imap://{USER}@127.0.0.1:{proxy.port}", filled.port)
        Trial(tmp_path, old, empty).hold()
    assert without.used == [], "what was not offered was used"


def test_what_is_taken_away_is_not_offered_not_said_and_refused(empty: Place) -> None:
    """Of the tests above: without this they would show nothing."""
    without = Without()
    octets = b"Subject: a\r\n\r\n* OK [CAPABILITY IDLE] {3}\r\n"
    with (
        Proxy(empty.port, Faults(lesser=without)) as proxy,
        imaplib.IMAP4("127.0.0.1", proxy.port, timeout=20) as client,
    ):
        assert set(client.capabilities) == {"IMAP4REV1", "AUTH=PLAIN", "AUTH=LOGIN"}
        client.login(empty.user, "secret")
        status, said = client.append("INBOX", "(\\Seen)", None, octets)
        assert (status, b"APPENDUID" in said[0]) == ("OK", False)
        client.select("INBOX")
        assert client.response("HIGHESTMODSEQ") == ("HIGHESTMODSEQ", [None])
        assert client.fetch("1", "(BODY.PEEK[])")[1][0][1] == octets
        for words in (
            ("NAMESPACE",),
            ("UID", "EXPUNGE 1"),
            ("UID", "MOVE 1 Trash"),
            ("UID", "SEARCH RETURN (ALL) ALL"),
        ):
            with pytest.raises(imaplib.IMAP4.error, match="BAD"):
                client._simple_command(*words)
        assert client.noop()[0] == "OK"
    assert len(without.used) == 4
