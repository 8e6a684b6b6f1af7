"""Reading folders of a real Dovecot."""

import asyncio
from pathlib import Path

import pytest

from bascule.sources import imap_reader, imap_stream
from bascule.sources.imap import ImapSource
from bascule.terms.location import parse_location
from bascule.wire.imap import Credentials, connect
from support import messages, reference
from support.dovecot import PrivateDovecot

pytestmark = pytest.mark.needs("dovecot")


@pytest.fixture
def source(tmp_path: Path):
    with PrivateDovecot(tmp_path / "old") as server:
        reference.append(server.port, "anna", "INBOX", messages.many(40))
        location = parse_location(server.url("anna"))
        yield ImapSource(str(location), lambda: connect(location, Credentials("anna", lambda: "secret")))


async def read_slowly(source: ImapSource) -> list[int]:
    """UIDs as they come, with a consumer that takes longer than the server to answer."""
    found = []
    folder = next(f for f in await source.folders() if f.name == b"INBOX")
    reader = await source.reader()
    survey = await reader.open(folder, None)
    async for group in reader.read(survey.uids):
        found += [message.uid for message in group]
        await asyncio.sleep(0.05)
    await reader.close()
    await source.close()
    return found


@pytest.mark.parametrize("window", [1, 3, 7, 40])
@pytest.mark.parametrize("group", [1, 2, 5, 100])
def test_windows_that_are_answered_while_the_consumer_works_lose_nothing_and_end(
    window: int, group: int, source: ImapSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that held the end of one window and the start of the next was once waited for without end."""
    monkeypatch.setattr(imap_reader, "WINDOW_MESSAGES", window)
    monkeypatch.setattr(imap_stream, "GROUP_MESSAGES", group)
    assert asyncio.run(asyncio.wait_for(read_slowly(source), 30)) == list(range(1, 41))
