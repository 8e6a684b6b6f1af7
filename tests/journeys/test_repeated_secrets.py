"""A server that repeats what it refuses tells the password to nobody: not to the terminal, and not to the reports that are filed and handed on."""

import base64
import re
from pathlib import Path

import pytest

from support.command import bascule
from support.quirks import Message, Quirk, QuirkServer
from support.quirks.server import Session
from support.quirks.store import Folder
from support.quirks.syntax import Bad, Command, Hangup, No

SECRET = QuirkServer.password
ENCODED = base64.b64encode(f"\0anna\0{SECRET}".encode()).decode()
WORDS = ("--language", "en", "--quiet", "--timeout", "3", "--connections", "1", "--settle", "0.5")


class RepeatsTheCommand(Quirk):
    """The first sign-in that is asked for, or each behind ``lets_in`` of them, is refused with the line that asked for it."""

    without = frozenset({"LITERAL+", "MULTIAPPEND"})
    lets_in = 0

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("LOGIN", "AUTHENTICATE"):
            self.lets_in -= 1
            if self.lets_in < 0:
                raise Bad(f"unknown command: {command.line.decode()}")


class WithoutPlain(RepeatsTheCommand):
    without = RepeatsTheCommand.without | {"AUTH=PLAIN"}


class EndsAtEachMessage(WithoutPlain):
    """... and the connection is lost at the first message that is asked for, or appended."""

    lets_in = 1

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        raise Hangup

    def before(self, session: Session, command: Command) -> None:
        super().before(session, command)
        if command.verb == "UID FETCH" and b"BODY" in command.line:
            raise Hangup


class KnowsThePassword(Quirk):
    """Each message is refused with words that hold the password, in quotation marks and in Base64."""

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        raise No(f"[CANNOT] change your password “{SECRET}” ({ENCODED}) first")


def told(tmp_path: Path, *texts: str) -> str:
    """All that a run wrote, for people and for programs."""
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    return "\n".join([*texts, *(octets.decode("latin-1") for octets in files)])


@pytest.mark.parametrize("quirk", [RepeatsTheCommand, WithoutPlain])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_refused_sign_in_is_told_without_its_password(tmp_path: Path, quirk: type[Quirk], side: str) -> None:
    one, other = (quirk(), Quirk()) if side == "source" else (Quirk(), quirk())
    with QuirkServer(one) as source, QuirkServer(other) as target:
        done = bascule(tmp_path, "copy", source.url, target.url, "--state", tmp_path / "state", *WORDS, status=3)
    assert "unknown command: " in done.stderr
    assert "***" in done.stderr
    written = told(tmp_path, done.stdout, done.stderr)
    assert SECRET not in written
    assert ENCODED not in written


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_report_of_a_sign_in_that_was_refused_in_the_middle_has_no_password(tmp_path: Path, side: str) -> None:
    one, other = (EndsAtEachMessage(), Quirk()) if side == "source" else (Quirk(), EndsAtEachMessage())
    with QuirkServer(one) as source, QuirkServer(other) as target:
        source.store.append(source.store.folders[b"INBOX"], b"Subject: x\r\n\r\nhello\r\n")
        done = bascule(tmp_path, "copy", source.url, target.url, "--state", tmp_path / "state", *WORDS, status=None)
    written = told(tmp_path, done.stdout, done.stderr)
    assert "unknown command: " in written
    assert SECRET not in written
    assert "nothing was changed" not in written, "something may have been"


def test_a_refusal_of_a_message_is_filed_without_the_password(tmp_path: Path) -> None:
    with QuirkServer() as source, QuirkServer(KnowsThePassword()) as target:
        source.store.append(source.store.folders[b"INBOX"], b"Subject: x\r\n\r\nhello\r\n")
        done = bascule(tmp_path, "copy", source.url, target.url, "--state", tmp_path / "state", *WORDS, status=1)
    written = told(tmp_path, done.stdout)
    assert re.search(r"change your password “\*\*\*” \(AGFub\*\*\*\) first", done.stdout)
    assert SECRET not in written
    assert ENCODED not in written
