"""What our members send: to another server by what DNS says, again when it can't be reached, back when it never can."""

import email
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from support.command import ENTRY
from support.dns import PrivateDns
from support.inbox import Inbox
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message

pytestmark = pytest.mark.needs("dnsmasq")
FAR = "zoe@far.example"
ALSO_FAR = "also@far.example"


@dataclass
class World:
    """``near``: the server under test; ``far``: another one, whose port DNS does not know, so ``near`` is told."""

    near: PrivateBascule
    far: PrivateBascule

    def send(self, *recipients: str, subject: str = "Réunion", sender: str = ANNA) -> None:
        with SmtpDialogue(self.near.ports["submission"]) as dialogue:
            dialogue.login(ANNA, PASSWORD)
            assert dialogue.deliver(message(subject, ANNA), sender, *recipients).code == 250

    def command(self, *words: str, status: int = 0) -> str:
        config = ["--config", str(self.near.config)]
        words = (words[0], *config, *words[1:])
        done = subprocess.run([*ENTRY, *words], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def queue(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.command("queue", "list", "--json"))
        return found

    def wait_for_queue(self, wanted: Callable[[list[dict[str, object]]], bool]) -> list[dict[str, object]]:
        deadline = time.monotonic() + 30
        while not wanted(found := self.queue()):
            assert time.monotonic() < deadline, f"{found} {self.near.log()[-2000:]}"
            time.sleep(0.1)
        return found

    def trace(self, *options: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.command("trace", "--json", *options))
        return found

    def wait_for_trace(self, event: str, *options: str) -> list[dict[str, object]]:
        """Rows, once one tells of ``event``: they are written in groups."""
        deadline = time.monotonic() + 30
        while event not in [row["event"] for row in self.trace(*options)]:
            assert time.monotonic() < deadline, self.trace()
            time.sleep(0.1)
        return self.trace(*options)


def make_world(root: Path, dns: PrivateDns, far: PrivateBascule, **queue: str) -> World:
    told = {
        "mx_port": str(far.ports["smtp"]),
        "inner_networks": '["127.0.0.0/8"]',
        "nameservers": f'["127.0.0.1:{dns.port}"]',
        "first_retry": '"1 s"',
        **queue,
    }
    near = PrivateBascule(
        root / "near", settings={"queue": "\n".join(f"{key} = {value}" for key, value in told.items())}
    )
    return World(near, far)


@pytest.fixture(scope="module")
def dns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateDns]:
    records = [
        "mx-host=far.example,mx2.far.example,20", "mx-host=far.example,mx1.far.example,10", "host-record=mx1.far.example,127.0.0.9",
        "host-record=mx2.far.example,127.0.0.1", "host-record=plain.example,127.0.0.1", "mx-host=null.example,.,0",
        "host-record=down.example,127.0.0.9",
    ]  # fmt: skip
    with PrivateDns(tmp_path_factory.mktemp("dns"), *records) as running:
        yield running


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBascule]:
    with PrivateBascule(tmp_path_factory.mktemp("far"), accounts=(FAR, ALSO_FAR, "bob@plain.example")) as running:
        yield running


@pytest.fixture(scope="module")
def world(dns: PrivateDns, far: PrivateBascule, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("world"), dns, far)
    with made.near:
        yield made


@pytest.fixture(scope="module")
def hasty(dns: PrivateDns, far: PrivateBascule, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Warns after a second, and gives up after four."""
    made = make_world(tmp_path_factory.mktemp("hasty"), dns, far, warn_after='"1 s"', give_up_after='"4 s"')
    with made.near:
        yield made


def parts_of(octets: bytes) -> tuple[Message, str, str]:
    """The notice, its text, and its delivery status."""
    found = email.message_from_bytes(octets)
    assert found.get_content_type() == "multipart/report"
    text, status, _ = found.get_payload()
    return found, text.get_payload(decode=True).decode(), status.as_string()  # type: ignore[union-attr]


def test_it_goes_where_dns_says_past_a_server_that_is_down(world: World) -> None:
    before = len(Inbox(world.far, FAR).messages())
    world.send(FAR, "bob@plain.example")
    found = Inbox(world.far, FAR).wait(before + 1)[-1]
    assert b"\r\nDKIM-Signature: " in found
    assert b"Bonjour\r\n" in found
    assert len(Inbox(world.far, "bob@plain.example").wait(1)) == 1
    assert world.wait_for_queue(lambda entries: not entries) == []


@pytest.mark.parametrize(
    ("address", "status"),
    [("nobody@far.example", "5.1.1"), ("someone@nowhere.example", "5.1.2"), ("someone@null.example", "5.1.10")],
)
def test_what_can_not_be_delivered_comes_back_at_once(world: World, address: str, status: str) -> None:
    inbox = Inbox(world.near, ANNA)
    before = len(inbox.messages())
    also = len(Inbox(world.far, ALSO_FAR).messages())
    world.send(address, ALSO_FAR)
    notice, text, told = parts_of(inbox.wait(before + 1)[-1])
    assert notice["Return-Path"] == "<>"
    assert notice["Auto-Submitted"] == "auto-replied"
    assert address in text
    assert "n'a pas pu être remis" in text
    assert "could not be delivered" in text
    assert f"Final-Recipient: rfc822; {address}" in told
    assert "Action: failed" in told
    assert f"Status: {status}" in told
    assert "also@" not in told
    Inbox(world.far, ALSO_FAR).wait(also + 1)


def test_a_delay_is_told_once_then_given_up(hasty: World) -> None:
    inbox = Inbox(hasty.near, ANNA)
    hasty.send("someone@down.example")
    first, second = inbox.wait(2, seconds=30)
    _, text, told = parts_of(first)
    assert "Vous n'avez rien à faire" in text
    assert "Action: delayed" in told
    assert "Will-Retry-Until:" in told
    _, _, told = parts_of(second)
    assert "Action: failed" in told
    assert "Status: 4.4.7" in told
    assert hasty.wait_for_queue(lambda entries: not entries) == []
    events = {row["event"] for row in hasty.wait_for_trace("bounced", "--to", "someone@down")}
    assert "delayed" in events


def test_there_is_no_notice_about_a_notice(world: World) -> None:
    before = len(Inbox(world.near, ANNA).messages())
    world.send("nobody@far.example", sender="")
    world.wait_for_queue(lambda entries: not entries)
    assert len(Inbox(world.near, ANNA).messages()) == before


def test_the_queue_is_listed_held_released_and_deleted(world: World) -> None:
    world.send("someone@down.example")
    [entry] = world.wait_for_queue(lambda entries: bool(entries) and entries[0]["recipients"][0]["attempts"] > 0)  # type: ignore[index]
    number = str(entry["id"])
    assert "someone@down.example" in world.command("queue", "list")
    assert "1 held" in world.command("queue", "hold", number)
    assert world.queue()[0]["recipients"][0]["state"] == "held"  # type: ignore[index]
    assert "Bonjour" in world.command("queue", "show", number)
    assert "1 released" in world.command("queue", "release", number)
    assert "1 to be tried" in world.command("queue", "retry", number)
    assert "1 deleted" in world.command("queue", "delete", number, "--yes")
    assert "Nothing waits" in world.command("queue", "list")
    assert world.command("queue", "retry", number, status=2) == ""


def test_it_survives_a_kill(dns: PrivateDns, far: PrivateBascule, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        closed = probe.getsockname()[1]
    world = make_world(tmp_path, dns, far, mx_port=str(closed))
    world.near.start()
    for _ in range(5):
        world.send(ALSO_FAR)
    world.near.kill()
    config = world.near.config
    config.write_text(config.read_text().replace(f"mx_port = {closed}", f"mx_port = {far.ports['smtp']}"))
    before = len(Inbox(far, ALSO_FAR).messages())
    with world.near:
        world.wait_for_queue(lambda entries: not entries)
    assert len(Inbox(far, ALSO_FAR).messages()) == before + 5


def test_the_trace_answers_the_help_desk(world: World) -> None:
    options = "--to", FAR, "--subject", "TRACÉE", "--since", "2020-01-01"
    world.send(FAR, subject="Tracée")
    rows = {
        str(row["event"]): row
        for row in world.wait_for_trace("queued", *options) + world.wait_for_trace("sent", *options)
    }
    assert set(rows) == {"queued", "sent"}
    assert rows["sent"]["sender"] == ANNA
    assert "kept as" in str(rows["sent"]["detail"])
    assert "Nothing fits" in world.command("trace", "--from", "unheard@of")
    world.command("trace", "--since", "yesterday", status=2)
