"""What an administrator sees and does with ``bascule queue`` and ``bascule trace``: no server need run."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bascule.commands.main import cli
from bascule.platform.smtp.queue import QueueStore, State
from bascule.platform.trace import Event, Trace
from bascule.terms.body import HeldBody
from bascule.terms.errors import BasculeError, ExitStatus
from support.command import ENTRY

TEXT = HeldBody(b"Subject: =?utf-8?q?R=C3=A9union?=\r\nMessage-ID: <one@x>\r\n\r\nhello\r\n")


class Installation:
    """Its queue holds ``one`` for two recipients, and ``two`` for one."""

    def __init__(self, root: Path) -> None:
        self.config, self.data = root / "bascule.toml", root / "data"
        self.config.write_text('[server]\ndata = "data"\nzone = "Asia/Tokyo"\n', "utf-8")
        self.data.mkdir()
        with contextlib.closing(QueueStore(self.data)) as queue:
            queue.put("one", "anna@here.example", ["c@d.example", "e@f.example"], TEXT)
            queue.put("two", "anna@here.example", ["g@h.example"], TEXT)

    def run(self, name: str, *words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(cli, [name, "--config", str(self.config), *words], input=typed, standalone_mode=False)

    def told(self, name: str, *words: str) -> str:
        done = self.run(name, *words)
        assert done.exception is None, done.output
        return done.stdout

    def events(self) -> list[tuple[str, str, str]]:
        rows = json.loads(self.told("trace", "--json"))
        return [(row["event"], row["message"], row["recipient"]) for row in rows]

    def note(self, count: int) -> None:
        trace = Trace(self.data / "trace.sqlite")
        for number in range(count):
            trace.note(Event.SENT, f"m{number}", sender="a@b.example", recipient="c@d.example")
        trace.close()


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_what_an_operator_does_to_mail_stands_in_the_trace_with_who_did_it(here: Installation) -> None:
    assert here.told("queue", "hold", "one").startswith("1 held.")
    assert here.told("queue", "release", "one") == "1 released.\n"
    assert here.told("queue", "delete", "--yes", "one", "two") == "2 deleted.\n"
    both = ("c@d.example", "e@f.example")
    expected = [*(("held", "one", each) for each in both), *(("released", "one", each) for each in both)]
    expected += [*(("deleted", "one", each) for each in both), ("deleted", "two", "g@h.example")]
    assert here.events() == expected
    [first, *_] = json.loads(here.told("trace", "--json"))
    assert (first["subject"], first["message_id"], first["sender"]) == ("Réunion", "<one@x>", "anna@here.example")
    who = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert f"by {who}" in first["detail"]


def test_an_empty_queue_claims_nothing(here: Installation) -> None:
    here.told("queue", "delete", "--all", "--yes")
    assert here.told("queue", "list") == "Nothing waits.\n"


def test_what_was_not_held_is_not_released_and_what_is_held_is_not_held_again(here: Installation) -> None:
    assert here.told("queue", "release", "one") == "0 released.\none was not held.\n"
    assert here.told("queue", "hold", "one", "one").startswith("1 held.")
    assert here.told("queue", "hold", "one").splitlines()[1:] == ["one was held already."]
    assert here.told("queue", "retry", "one", "two").splitlines()[0] == "1 to be tried now."
    assert "one is held" in here.told("queue", "retry", "one")
    assert here.told("queue", "release", "one", "two") == "1 released.\ntwo was not held.\n"
    assert here.told("queue", "release", "--all") == "0 released.\n"
    assert [event for event, _, _ in here.events()] == ["held", "held", "released", "released"]


def test_where_nobody_answers_nothing_is_deleted_and_that_is_said(here: Installation) -> None:
    done = subprocess.run(
        [*ENTRY, "queue", "--config", str(here.config), "delete", "one"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == ExitStatus.INTERRUPTED
    assert "\nbascule: Nothing was deleted" in done.stderr
    assert "--yes" in done.stderr
    refused = here.run("queue", "delete", "one", typed="n\n")
    assert "Nothing was deleted." in refused.output
    assert here.run("queue", "delete", "one", typed="y\n").output.endswith("1 deleted.\n")
    with contextlib.closing(QueueStore(here.data)) as queue:
        assert [entry.id for entry in queue.all()] == ["two"]


def test_the_list_has_headings_and_names_the_zone_once(here: Installation) -> None:
    here.told("queue", "hold", "two")
    lines = here.told("queue", "list").splitlines()
    assert lines[0].split("\t") == ["Message", "Came (Asia/Tokyo)", "Size", "Sender"]
    assert lines[1].split("\t") == ["", "Recipient", "State", "Attempts", "Last answer"]
    assert "".join(lines).count("Asia/Tokyo") == 1
    assert lines[3].split("\t")[2].startswith("waits, next 20")
    assert lines[6].split("\t") == ["", "to <g@h.example>", "held", "0 attempts"]
    states = here.told("queue", "list", "--help")
    assert all(f"\n  {word}" in states for word in ("waits, next", "held"))
    assert {each.value for each in State} == {"waiting", "held"}


def test_the_trace_has_headings_and_its_help_explains_every_event(here: Installation) -> None:
    here.note(1)
    first, row = here.told("trace").splitlines()
    assert first.split("\t") == ["When (Asia/Tokyo)", "Event", "Sender → recipient", "Subject", "Message", "Detail"]
    assert row.split("\t")[1:] == ["sent", "<a@b.example> → <c@d.example>", "", "m0"]
    shown = here.told("trace", "--help")
    for event in Event:
        assert f"\n  {event.value} " in shown, event


def test_what_was_left_out_of_the_trace_is_said(here: Installation) -> None:
    here.note(5)
    for limit, left_out in (("4", True), ("5", False), ("6", False)):
        told = here.told("trace", "--limit", limit)
        assert ("More were left out" in told) is left_out, told
        done = here.run("trace", "--limit", limit, "--json")
        assert len(json.loads(done.stdout)) == min(5, int(limit))
        assert ("More were left out" in done.stderr) is left_out
    assert "\tm4" in here.told("trace", "--limit", "1")
    for limit in ("0", "-3"):
        assert here.run("trace", "--limit", limit).exception is not None
    assert "Nothing fits." in here.told("trace", "--from", "unheard@of")


def test_to_look_makes_and_writes_nothing(here: Installation) -> None:
    here.note(1)
    before = {path.name: path.read_bytes() for path in here.data.iterdir() if path.is_file()}
    here.told("queue", "list")
    here.told("trace")
    assert {path.name: path.read_bytes() for path in here.data.iterdir() if path.is_file()} == before
    with pytest.raises(BasculeError, match="There is no message"):
        raise here.run("queue", "show", "three").exception  # type: ignore[misc]
    assert set(os.listdir(here.data / "queue")) == {"one", "two"}
