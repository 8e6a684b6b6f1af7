"""``bascule queue``"""

import contextlib
import os
import pwd
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bascule.commands.installation import CONFIG, OfAnInstallation
from bascule.commands.terminal import clock_time, say, say_json, so_many
from bascule.platform.clock import Clock
from bascule.platform.settings import Settings, read_settings
from bascule.platform.smtp.queue import QUEUE, Entry, QueueStore, State
from bascule.platform.trace import FILE as TRACE
from bascule.platform.trace import Event, Trace
from bascule.platform.wakeups import send_to_all
from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.terms.errors import BasculeError, ExitStatus


class _Queue:
    """``opened``: to be closed with the command."""

    def __init__(self, settings: Settings, opened: contextlib.ExitStack) -> None:
        self.settings = settings
        self.zone = ZoneInfo(settings.zone)
        self._opened = opened

    def to_look(self) -> QueueStore:
        """To read only: also with a full disk."""
        return self._open(to_look=True)

    def to_change(self) -> QueueStore:
        return self._open(to_look=False)

    def _open(self, *, to_look: bool) -> QueueStore:
        store = QueueStore(self.settings.data, clock=Clock(self.settings.rehearsal_clock), to_look=to_look)
        self._opened.callback(store.close)
        return store

    def wake(self) -> None:
        send_to_all(self.settings.data / "run", QUEUE)


@click.group("queue", cls=OfAnInstallation)
@CONFIG
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Look after what waits to be sent: list it, try it again now, hold it, delete it. Who held, released or deleted what, bascule trace tells."""
    opened = contextlib.ExitStack()
    context.call_on_close(opened.close)
    context.obj = _Queue(read_settings(config), opened)


_MESSAGES = click.argument("messages", nargs=-1)
_ALL = click.option("--all", "every", is_flag=True, help="Every message in the queue.")


def _meant(store: QueueStore, identities: Sequence[str], every: bool) -> list[Entry]:
    """Raises BasculeError where no message is named, or one is not there."""
    if every:
        return store.all()
    if not identities:
        raise BasculeError("No message is named.", "Name it by its number (“bascule queue list”), or give --all.", ExitStatus.USAGE)  # fmt: skip
    found = []
    for identity in dict.fromkeys(identities):
        entry = store.get(identity)
        if entry is None:
            raise BasculeError(f"There is no message {identity} in the queue.", "See “bascule queue list”.", ExitStatus.USAGE)  # fmt: skip
        found.append(entry)
    return found


# -- looking ----------------------------------------------------------------------------------------------------------


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def list_(queue: _Queue, as_json: bool) -> int:
    """List the messages that wait: a line for each, and below it one for each recipient who does not have it yet.

    \b
    waits, next …  it is tried again then; what the last attempt ended with
                   stands behind it. Sooner: bascule queue retry
    held           by an administrator, or since a restore: nothing is tried,
                   and it is not given up, until bascule queue release

    Who has it, or never will, is listed no more: bascule trace tells of them.
    """
    entries = queue.to_look().all()
    if as_json:
        say_json([_as_json(entry) for entry in entries])
        return 0
    if not entries:
        say("Nothing waits.")
        return 0
    say(f"Message\tCame ({queue.zone.key})\tSize\tSender", "\tRecipient\tState\tAttempts\tLast answer")
    for entry in entries:
        arrived = clock_time(entry.arrived_utc, queue.zone)
        say(f"{entry.id}\t{arrived}\t{entry.octets / 1000:.1f} kB\tfrom <{entry.sender}>")
        for each in entry.recipients:
            state = "held" if each.state is State.HELD else f"waits, next {clock_time(each.next_utc, queue.zone)}"
            say(f"\tto <{each.address}>\t{state}\t{so_many(each.attempts, 'attempt')}\t{each.reply}".rstrip())
    return 0


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id, "sender": entry.sender, "octets": entry.octets, "arrived_utc": entry.arrived_utc,
        "recipients": [
            {"address": r.address, "state": r.state.value, "attempts": r.attempts, "next_utc": r.next_utc, "reply": r.reply}
            for r in entry.recipients
        ],
    }  # fmt: skip


@command.command("show")
@click.argument("message")
@click.pass_obj
def show(queue: _Queue, message: str) -> int:
    """Print a message as it is in the queue."""
    store = queue.to_look()
    [entry] = _meant(store, (message,), False)
    stdout = sys.stdout.buffer
    stdout.write(store.file_of(entry.id).read_bytes())
    return 0


# -- changing ---------------------------------------------------------------------------------------------------------


@command.command("retry")
@_MESSAGES
@_ALL
@click.pass_obj
def retry(queue: _Queue, messages: tuple[str, ...], every: bool) -> int:
    """Try messages now, whatever their turn; not those that are held."""
    store = queue.to_change()
    meant = _meant(store, messages, every)
    done = [entry for entry in meant if store.retry(entry.id)]
    queue.wake()
    say(f"{len(done)} to be tried now.")
    _say_of_others(meant, done, every, "is held; it is tried once it is released: bascule queue release")
    return 0


@command.command("hold")
@_MESSAGES
@_ALL
@click.pass_obj
def hold(queue: _Queue, messages: tuple[str, ...], every: bool) -> int:
    """Keep messages back until they are released. They are not given up meanwhile."""
    store = queue.to_change()
    meant = _meant(store, messages, every)
    with _noting(queue, store) as note:
        done = [entry for entry in meant if note(entry, Event.HELD, lambda each: store.change(each, State.HELD))]
    say(f"{len(done)} held. Let go of them with: bascule queue release")
    _say_of_others(meant, done, every, "was held already")
    for entry in done:
        if store.is_being_sent(entry.id):
            say(f"{entry.id} {_ON_ITS_WAY}.")
    return 0


@command.command("release")
@_MESSAGES
@_ALL
@click.pass_obj
def release(queue: _Queue, messages: tuple[str, ...], every: bool) -> int:
    """Let go of held messages: they are tried now."""
    store = queue.to_change()
    meant = _meant(store, messages, every)
    with _noting(queue, store) as note:
        done = [entry for entry in meant if note(entry, Event.RELEASED, lambda each: store.change(each, State.WAITING))]
    queue.wake()
    say(f"{len(done)} released.")
    _say_of_others(meant, done, every, "was not held")
    return 0


@command.command("delete")
@_MESSAGES
@_ALL
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(queue: _Queue, messages: tuple[str, ...], every: bool, yes: bool) -> int:
    """Delete messages: nobody gets them, and nobody is told."""
    store = queue.to_change()
    meant = _meant(store, messages, every)
    if not yes and not _is_wanted(f"Delete {so_many(len(meant), 'message')} for good? Their senders are not told."):
        say("Nothing was deleted.")
        return ExitStatus.INTERRUPTED
    being_sent = []

    def delete_one(identity: str) -> bool:
        store.change(identity, State.HELD)  # from here on nobody begins to send it
        if store.is_being_sent(identity):
            being_sent.append(identity)
        return store.delete(identity)

    with _noting(queue, store) as note:
        done = [entry for entry in meant if note(entry, Event.DELETED, delete_one)]
    say(f"{len(done)} deleted.")
    for identity in being_sent:
        say(f"{identity} {_ON_ITS_WAY}.")
    return 0


_ON_ITS_WAY = "is on its way to another server in this moment, and may arrive all the same: bascule trace tells"


def _say_of_others(meant: Sequence[Entry], done: Sequence[Entry], every: bool, why: str) -> None:
    """Of those that were named and not changed."""
    for entry in meant:
        if not every and entry not in done:
            say(f"{entry.id} {why}.")


def _is_wanted(question: str) -> bool:
    """Raises BasculeError where nobody answers: no terminal, or Ctrl-C."""
    try:
        return click.confirm(question)
    except click.Abort as error:
        say("", err=True)
        raise BasculeError("Nothing was deleted: nobody answered.", "Where there is no terminal to ask on, give --yes.", ExitStatus.INTERRUPTED) from error  # fmt: skip


@contextlib.contextmanager
def _noting(queue: _Queue, store: QueueStore) -> Iterator[Callable[[Entry, Event, Callable[[str], bool]], bool]]:
    """Changes a message, and, where it was changed, notes in the trace who did it to whose mail."""

    def tell(event: str, **fields: object) -> None:
        say(f"bascule: this could not be written to the trace: {fields.get('error', event)}.", err=True)

    trace, who = Trace(queue.settings.data / TRACE, log=tell), f"by {_operator()}, with bascule queue"

    def change_and_note(entry: Entry, event: Event, change: Callable[[str], bool]) -> bool:
        header = summarise(_start_of(store.file_of(entry.id)))
        if not change(entry.id):
            return False
        wanted = {Event.HELD: (State.WAITING,), Event.RELEASED: (State.HELD,)}.get(event, tuple(State))
        for each in entry.recipients:
            if each.state in wanted:
                trace.note(
                    event, entry.id, sender=entry.sender, recipient=each.address, subject=header.subject,
                    message_id=header.message_id, octets=entry.octets, detail=who,
                )  # fmt: skip
        return True

    try:
        yield change_and_note
    finally:
        trace.close()


def _start_of(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(HEADER_OCTETS)
    except OSError:
        return b""  # it is gone, or damaged: its number and its addresses are told all the same


def _operator() -> str:
    """Whose command this is: the machine's user, and whoever became it by sudo."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"user {os.getuid()}"
    behind = os.environ.get("SUDO_USER")
    return f"{name} ({behind} by sudo)" if behind and behind != name else name
