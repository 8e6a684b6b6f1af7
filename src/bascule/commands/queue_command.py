"""``bascule queue``"""

import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.commands.options import CONFIG, OfAnInstallation
from bascule.commands.terminal import say, say_json, so_many
from bascule.platform.clock import Clock
from bascule.platform.settings import Settings, read_settings
from bascule.platform.smtp.queue import QUEUE, Entry, QueueStore, State
from bascule.platform.wakeups import send_to_all
from bascule.terms.errors import BasculeError, ExitStatus


class _Queue:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = QueueStore(settings.data, clock=Clock(settings.rehearsal_clock))
        self.zone = ZoneInfo(settings.zone)

    def wake(self) -> None:
        send_to_all(self.settings.data / "run", QUEUE)

    def each(self, identities: tuple[str, ...], every: bool) -> list[str]:
        """The messages meant. Raises BasculeError where none is named, or one is not there."""
        if every:
            return [entry.id for entry in self.store.all()]
        if not identities:
            raise BasculeError("No message is named.", "Name it by its number (“bascule queue list”), or give --all.", ExitStatus.USAGE)  # fmt: skip
        for identity in identities:
            if self.store.get(identity) is None:
                raise BasculeError(f"There is no message {identity} in the queue.", "See “bascule queue list”.", ExitStatus.USAGE)  # fmt: skip
        return list(identities)


@click.group("queue", cls=OfAnInstallation)
@CONFIG
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Look after what waits to be sent: list it, try it again now, hold it, delete it."""
    context.obj = _Queue(read_settings(config))
    context.call_on_close(context.obj.store.close)


_MESSAGES = click.argument("messages", nargs=-1)
_ALL = click.option("--all", "every", is_flag=True, help="Every message in the queue.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def list_(queue: _Queue, as_json: bool) -> int:
    """List the messages that wait, with what the last attempt ended with."""
    entries = queue.store.all()
    if as_json:
        say_json([_as_json(entry) for entry in entries])
        return 0
    for entry in entries:
        arrived = _date(entry.arrived_utc, queue.zone)
        say(f"{entry.id}\t{arrived}\t{entry.octets / 1000:.1f} kB\tfrom <{entry.sender}>")
        for each in entry.recipients:
            when = "held" if each.state is State.HELD else f"next {_date(each.next_utc, queue.zone)}"
            say(f"\tto <{each.address}>\t{when}\t{each.attempts} attempts\t{each.reply}".rstrip())
    if not entries:
        say("Nothing waits: all mail was delivered.")
    return 0


def _date(utc: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(utc, zone).strftime("%Y-%m-%d %H:%M:%S")


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id, "sender": entry.sender, "octets": entry.octets, "arrived_utc": entry.arrived_utc,
        "recipients": [
            {"address": r.address, "state": r.state.value, "attempts": r.attempts, "next_utc": r.next_utc, "reply": r.reply}
            for r in entry.recipients
        ],
    }  # fmt: skip


@command.command("retry")
@_MESSAGES
@_ALL
@click.pass_obj
def retry(queue: _Queue, messages: tuple[str, ...], every: bool) -> int:
    """Try messages now, whatever their turn."""
    done = [identity for identity in queue.each(messages, every) if queue.store.retry(identity)]
    queue.wake()
    say(f"{len(done)} to be tried now.")
    return 0


@command.command("hold")
@_MESSAGES
@_ALL
@click.pass_obj
def hold(queue: _Queue, messages: tuple[str, ...], every: bool) -> int:
    """Keep messages back until they are released. They are not given up meanwhile."""
    done = [identity for identity in queue.each(messages, every) if queue.store.change(identity, State.HELD)]
    say(f"{len(done)} held. Let go of them with: bascule queue release")
    return 0


@command.command("release")
@_MESSAGES
@_ALL
@click.pass_obj
def release(queue: _Queue, messages: tuple[str, ...], every: bool) -> int:
    """Let go of held messages: they are tried now."""
    done = [identity for identity in queue.each(messages, every) if queue.store.change(identity, State.WAITING)]
    queue.wake()
    say(f"{len(done)} released.")
    return 0


@command.command("show")
@click.argument("message")
@click.pass_obj
def show(queue: _Queue, message: str) -> int:
    """Print a message as it is in the queue."""
    identity = queue.each((message,), False)[0]
    stdout = sys.stdout.buffer
    stdout.write(queue.store.file_of(identity).read_bytes())
    return 0


@command.command("delete")
@_MESSAGES
@_ALL
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(queue: _Queue, messages: tuple[str, ...], every: bool, yes: bool) -> int:
    """Delete messages: nobody gets them, and nobody is told."""
    meant = queue.each(messages, every)
    if not yes:
        click.confirm(f"Delete {so_many(len(meant), 'message')} for good? Their senders are not told.", abort=True)
    done = [identity for identity in meant if queue.store.delete(identity)]
    say(f"{len(done)} deleted.")
    return 0
