"""What the trial of all at once runs: processes that deliver, move, expunge, flag, tidy, purge, compact, back up and hand over one mailbox.

``python -m crash.meeting ROOT SEED KILLS`` forks one for each of `PARTS`, kills one at random instants and forks another in its place, until all
of `TO_BE_DONE` was done, and so many were killed. What each one does and is told goes to ``ROOT/told``, a line each: a line that was written outlives its process.
"""

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bascule.mailbox import Mailbox, check
from bascule.mailbox.copying import copy_mailbox
from bascule.mailbox.format import MailboxElsewhere, MailboxInUse
from bascule.mailbox.live import Arriving, LiveFolder, LiveMailbox, LiveRow
from bascule.mailbox.live.purging import compact, purge
from bascule.platform import handing_over, mailboxes
from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.housekeeping import PassedOver, tidy
from bascule.terms.body import HeldBody
from bascule.terms.errors import BasculeError
from bascule.terms.instant import InternalDate

ANNA = "anna@example.org"
FULL = 150
"""Messages in the mailbox from which on nothing is delivered, so that a trial is of changes and not of size."""
QUIET_SECONDS = 0.6
"""As server processes do when one is asked to release a mailbox (`bascule.platform.mailboxes.PAUSE_SECONDS`), shorter."""
LONG_AFTER = 2**33
"""UTC, of everything that may be purged."""
DEADLINE_SECONDS = 120.0
"""For each thing to have been done at least once."""


@dataclass(frozen=True)
class Place:
    """Of one installation with one account. All that a process knows of the others lies here."""

    root: Path
    data: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self.root / "data")

    def make(self) -> None:
        (self.data / "run").mkdir(parents=True)
        with self.accounts() as accounts:
            accounts.add(ANNA, "password", generated=True)

    @contextlib.contextmanager
    def accounts(self) -> Iterator[EmbeddedAccounts]:
        with contextlib.closing(EmbeddedAccounts(self.data / "accounts.sqlite")) as accounts:
            yield accounts

    @property
    def account(self) -> str:
        with self.accounts() as accounts:
            found = accounts.find(ANNA)
        assert found is not None
        return found.id

    def mailbox(self, account: str) -> Path:
        return self.data / "mailboxes" / f"{account}.mailbox"

    @property
    def parcel(self) -> Path:
        return self.root / "parcel"

    def tell(self, what: str, *names: str) -> None:
        line = " ".join((what, *names)) + "\n"
        told = os.open(self.root / "told", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(told, line.encode())
        os.close(told)

    def told(self) -> "Told":
        return Told.read(self.root / "told")

    def ask_for_quiet(self) -> None:
        (self.root / "quiet").touch()

    def wait_for_quiet_to_end(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            while time.time() < (self.root / "quiet").stat().st_mtime + QUIET_SECONDS:
                time.sleep(0.01)


@dataclass
class Told:
    """``kept``: acknowledged. ``going``: name → who asks for its expunge and has no answer. ``did``: how often each thing was done."""

    begun: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    going: dict[str, set[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    did: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Told":
        told = cls()
        for line in path.read_text().splitlines() if path.exists() else []:
            what, *names = line.split(" ")
            told._note(what, names)
        return told

    def _note(self, what: str, names: list[str]) -> None:
        match what:
            case "begun" | "kept" | "gone":
                getattr(self, what).update(names[1:] if what == "gone" else names)
                if what == "gone":
                    self._answered(names)
            case "going":
                for name in names[1:]:
                    self.going.setdefault(name, set()).add(names[0])
            case "stayed":
                self._answered(names)
            case "did":
                self.did.update(names)
            case "wrong":
                self.wrong.append(" ".join(names))

    def _answered(self, names: list[str]) -> None:
        who, *those = names
        for name in those:
            self.going[name].discard(who)

    @property
    def must_be_there(self) -> set[str]:
        """Acknowledged, and nobody asked for their expunge without hearing that they stayed."""
        return {name for name in self.kept - self.gone if not self.going.get(name)}


class Part:
    """One process: does one thing again and again, until it is killed."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place, self.draw = place, random.Random(seed)
        self.account = place.account
        self.who = f"{os.getpid()}.{seed}"
        self.count = 0

    def again(self, once: Callable[["Part"], None]) -> None:
        """As long as the trial goes on: nobody is left where that is killed."""
        parent = os.getppid()
        while os.getppid() == parent:
            self.place.wait_for_quiet_to_end()
            try:
                once(self)
            except (MailboxInUse, MailboxElsewhere):
                pass
            except Exception as error:  # noqa: BLE001 - whatever it is, the trial tells of it
                self.place.tell("wrong", once.__name__, type(error).__name__, str(error).replace("\n", " "))
            time.sleep(self.draw.uniform(0, 0.1))

    @contextlib.contextmanager
    def box(self) -> Iterator[LiveMailbox]:
        open_ones = mailboxes.Mailboxes(self.place.data / "mailboxes")
        with contextlib.closing(open_ones), open_ones.using(self.account) as box:
            yield box

    def some(self, box: LiveMailbox) -> tuple[LiveFolder, list[LiveRow]]:
        """Messages of one folder that are there."""
        folder = self.draw.choice([folder for folder in box.folders.all() if folder.messages] or box.folders.all())
        there = set(box.reading.uids(folder.id, folder.uidnext, folder.modseq))
        rows = [row for row in box.reading.rows(folder.id, 1, folder.uidnext, limit=-1) if row.uid in there]
        return folder, self.draw.sample(rows, min(len(rows), self.draw.randrange(1, 9)))


def deliver(part: Part) -> None:
    with part.box() as box:
        if sum(folder.messages for folder in box.folders.all()) >= FULL:
            return
        names = [f"{part.who}-{part.count + n}" for n in range(part.draw.choice((1, 1, 2, 5)))]
        part.count += len(names)
        part.place.tell("begun", *names)
        mails = [b"Subject: %b\r\n\r\n%b" % (name.encode(), part.draw.randbytes(3000).hex().encode()) for name in names]
        inbox = next(folder for folder in box.folders.all() if folder.path.is_inbox)
        box.messages.append(inbox.id, [Arriving(HeldBody(mail), frozenset(), InternalDate(1)) for mail in mails])
    part.place.tell("kept", *names)


def move(part: Part) -> None:
    with part.box() as box:
        folder, rows = part.some(box)
        target = part.draw.choice(box.folders.all())
        moved = box.messages.move(folder.id, [row.id for row in rows], target.id, int(time.time()))
        if moved.uids:
            part.place.tell("did", "move")


def flag(part: Part) -> None:
    with part.box() as box:
        folder, rows = part.some(box)
        box.messages.set_flags(folder.id, [row.uid for row in rows], lambda flags: flags ^ {"\\Flagged"})


def expunge(part: Part) -> None:
    with part.box() as box:
        folder, rows = part.some(box)
        headers = box.reading.headers(folder.id, [row.id for row in rows])  # but of what was purged since
        names = {row: header.subject for row, header in headers.items()}
        part.place.tell("going", part.who, *names.values())
        box.messages.set_flags(folder.id, [row.uid for row in rows], lambda flags: flags | {"\\Deleted"})
        went = box.messages.expunge(folder.id, list(names), int(time.time()), only_flagged=True)
    part.place.tell("gone", part.who, *(names[row] for row in went))
    part.place.tell("stayed", part.who, *(name for row, name in names.items() if row not in went))
    part.place.tell("did", "expunge")


def keep_house(part: Part) -> None:
    place = part.place.mailbox(part.account)
    if not place.exists():
        return
    tidy(place, PassedOver(lambda event, **fields: part.place.tell("wrong", event, str(fields).replace("\n", " "))))
    with part.box() as box:
        if purge(box, LONG_AFTER, group=20).messages:
            part.place.tell("did", "purge")
    part.place.ask_for_quiet()
    if compact(place, waste_octets=1):
        part.place.tell("did", "compact")


def back_up(part: Part) -> None:
    place, copy = part.place.mailbox(part.account), part.place.root / "copy"
    if not place.exists():
        return
    before = part.place.told().must_be_there
    copy_mailbox(place, copy, instant=f"{time.time_ns()}", keep=3)
    lost = before & part.place.told().must_be_there - held(copy, vanished=True).keys()
    findings = check(copy)
    if lost or findings:
        part.place.tell("wrong", f"the copy lacks {sorted(lost)}, and {[finding.what for finding in findings]}")
    part.place.tell("did", "copy")


def hand_over(part: Part) -> None:
    """Over, and back: by taking over what was handed over, or by taking it back. One that was killed on its way is gone on with."""
    settle(part.place, part.draw)
    shutil.rmtree(part.place.parcel, ignore_errors=True)
    time.sleep(part.draw.uniform(0, 1))
    with part.place.accounts() as accounts:
        account = accounts.find(ANNA)
        assert account is not None
        handing_over.hand_over(
            part.place.data, accounts, account, part.place.parcel, lambda text: part.place.ask_for_quiet()
        )
        time.sleep(part.draw.uniform(0, 0.1))
    settle(part.place, part.draw)
    part.place.tell("did", "hand-over")


def settle(place: Place, draw: random.Random) -> None:
    """The mailbox is in use again, wherever a hand-over or taking over ended."""
    with place.accounts() as accounts:
        account = accounts.find(ANNA)
        assert account is not None
        ways: list[Callable[[], object]] = [
            lambda: handing_over.take_over(place.data, accounts, place.parcel),
            lambda: handing_over.take_back(place.data, accounts, account),
        ]
        draw.shuffle(ways)
        for way in ways:
            with contextlib.suppress(BasculeError):  # it goes the other way, or it is in use
                way()


def held(place: Path, *, vanished: bool = False) -> Counter[str]:
    """Messages by their names, in all folders; those that were expunged and not purged too where ``vanished``."""
    names: Counter[str] = Counter()
    with Mailbox.open(place, read_only=True) as mailbox:
        where = "" if vanished else " WHERE vanished_utc IS NULL"
        query = f"SELECT subject FROM headers JOIN messages ON messages.id = headers.message{where}"
        names.update(subject for (subject,) in mailbox.database.execute(query))
    return names


PARTS = (deliver, deliver, move, move, flag, expunge, expunge, keep_house, keep_house, back_up, hand_over)
TO_BE_DONE = frozenset({"move", "expunge", "purge", "compact", "copy", "hand-over"})


def _fork(place: Place, once: Callable[[Part], None], seed: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        Part(place, seed).again(once)
    finally:
        os._exit(1)


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main(root: Path, seed: int, kills: int) -> None:
    place, draw = Place(root), random.Random(seed)
    mailboxes.IN_USE_SECONDS = 0.2
    children = [_fork(place, once, seed * 10_000 + n) for n, once in enumerate(PARTS)]
    deadline = time.monotonic() + DEADLINE_SECONDS
    done = 0
    try:
        while done < kills or (not place.told().did.keys() >= TO_BE_DONE and time.monotonic() < deadline):
            time.sleep(draw.uniform(0.02, 0.3))
            if not kills:
                continue
            n = draw.randrange(len(PARTS))
            _kill(children[n])
            done += 1
            children[n] = _fork(place, PARTS[n], seed * 10_000 + 100 + done)
    finally:
        for child in children:
            _kill(child)
    place.tell("did", *["kill"] * done)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
