"""How a run begins."""

import asyncio
import logging
from pathlib import Path
from typing import cast

import pytest

from bascule.copy.engine import CopyOptions, copy
from bascule.mailbox import Mailbox
from bascule.sources import Source
from bascule.wire.errors import SignInError
from bascule.wire.imap.client import ImapClient


class _RefusesUs:
    """A source that does not let us in."""

    def watch(self, watcher: object) -> None: ...

    async def folders(self) -> list[object]:
        raise SignInError("the source refuses")

    async def close(self) -> None: ...


async def _refuses_us_too() -> ImapClient:
    """A target whose refusal comes while it is told that it is not needed any more."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise SignInError("the target refuses") from None
    raise AssertionError("nobody stopped it")


def test_of_two_servers_that_refuse_us_at_once_one_is_told_and_nothing_is_logged_of_the_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It was an “unhandled exception” with its traceback, beside the sentence."""
    with (
        Mailbox.create(tmp_path / "m", keeps_bodies=False) as mailbox,
        caplog.at_level(logging.ERROR, "asyncio"),
        pytest.raises(SignInError, match="the source refuses"),
    ):
        asyncio.run(copy(cast(Source, _RefusesUs()), "imap://anna@new", _refuses_us_too, mailbox, CopyOptions()))
    assert caplog.records == []
