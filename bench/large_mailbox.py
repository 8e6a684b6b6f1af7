"""A mailbox of 1,000,000 messages and 10 GB: captured, flagged, delivered to, listed, searched, exported, sealed, backed up.

The messages are generated on the fly by a source of this file. Prints one line for each step. Run it before the format is frozen, and
whenever the layout changes: ``python bench/large_mailbox.py --work /somewhere/large``.
"""

import argparse
import asyncio
import random
import resource
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from bascule.capture import CaptureOptions, capture
from bascule.export import export_mailbox
from bascule.mailbox import Mailbox, NewMessage, check
from bascule.mailbox.copying import copy_mailbox
from bascule.mailbox.sealing import seal
from bascule.mailbox.search import search, update_index
from bascule.sources import SourceFolder, SourceMessage, SourceState, Survey, Unreadable
from bascule.terms.body import HeldBody
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate

_WORDS = [
    "réunion",
    "budget",
    "thesis",
    "lunch",
    "données",
    "colloque",
    "semestre",
    "room",
    "figures",
    "rapport",
    "paper",
    "étude",
    "train",
    "note",
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "he",
    "was",
    "for",
    "on",
    "are",
    "as",
    "with",
    "his",
    "they",
    "at",
    "be",
    "this",
    "have",
    "from",
    "or",
    "one",
    "had",
    "by",
    "word",
    "but",
    "not",
    "what",
    "all",
    "were",
    "we",
    "when",
    "your",
    "can",
    "said",
]
_FLAGS = [
    frozenset({"\\Seen"}),
    frozenset(),
    frozenset({"\\Seen", "\\Answered"}),
    frozenset({"\\Flagged", "$Forwarded"}),
]


class GeneratedSource:
    """``messages`` in 30 folders (a third of them in INBOX), of about ``octets`` each; the same number, the same octets."""

    def __init__(self, messages: int, octets: int) -> None:
        self.location = f"generated:{messages}x{octets}"
        chance = random.Random(1)
        text = " ".join(chance.choice(_WORDS) for _ in range(400_000))
        self._text = "\r\n".join(text[i : i + 74] for i in range(0, len(text), 74)).encode()
        self._octets = octets
        self.flags_changed: set[int] = set()
        names = [
            ("INBOX",),
            *((("Archive", str(2000 + n))) for n in range(25)),
            ("Sent",),
            ("Trash",),
            ("Équipe",),
            ("Lists",),
        ]
        inbox = messages // 3
        rest = (messages - inbox) // (len(names) - 1)
        self._count = {FolderPath(tuple(n)): inbox if n == ("INBOX",) else rest for n in names}

    def message(self, number: int) -> bytes:
        chance = random.Random(number)
        size = max(600, int(chance.gauss(self._octets, self._octets / 3)))
        start = chance.randrange(len(self._text) - size)
        start = self._text.find(b"\n", start) + 1
        return (
            b"Received: from mx.example.net by mail.example.org; Sat, 1 Feb 2020 10:00:00 +0000\r\n"
            b"From: =?utf-8?q?Ana=C3=AFs?= Lefevre <a%d@example.org>\r\nTo: b@example.org\r\nSubject: %d %b\r\n"
            b"Date: Sat, 1 Feb 2020 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\n\r\n"
            % (number % 997, number, self._text[start : start + 30].replace(b"\r\n", b" "), number)
        ) + self._text[start : start + size]

    async def folders(self) -> list[SourceFolder]:
        return [SourceFolder(path, path.to_json().encode(), subscribed=True) for path in self._count]

    async def states(self, folders: Sequence[SourceFolder]) -> dict[bytes, SourceState]:
        return {f.name: self._state(f.path) for f in folders}

    def _state(self, path: FolderPath) -> SourceState:
        return SourceState(1, self._count[path] + 1, self._count[path], 1 + len(self.flags_changed))

    async def reader(self) -> "GeneratedReader":
        return GeneratedReader(self)

    async def close(self) -> None:
        """Nothing is open."""


class GeneratedReader:
    def __init__(self, source: GeneratedSource) -> None:
        self._source = source
        self._base = 0

    async def open(self, folder: SourceFolder, known: SourceState | None) -> Survey:
        state = self._source._state(folder.path)
        paths = list(self._source._count)
        self._base = sum(self._source._count[p] for p in paths[: paths.index(folder.path)])
        changed = {
            uid: frozenset({"\\Seen", "\\Flagged"}) for uid in self._source.flags_changed if uid <= state.messages
        }
        return Survey(state, range(1, state.messages + 1), changed if known else {}, flags_are_complete=False)

    async def details(self, uids: Sequence[int]) -> dict[int, tuple[InternalDate, int]]:
        return {}

    async def read(self, uids: Sequence[int]) -> AsyncIterator[list[SourceMessage | Unreadable]]:
        for start in range(0, len(uids), 100):
            group: list[SourceMessage | Unreadable] = []
            for uid in uids[start : start + 100]:
                number = self._base + uid
                body = HeldBody(self._source.message(number))
                group.append(SourceMessage(uid, _FLAGS[number % 4], InternalDate(1_500_000_000 + number), body))
            yield group
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Nothing is open."""


def step(name: str, work: Callable[[], object], unit: str = "", count: int = 0) -> object:
    began = time.monotonic()
    result = work()
    seconds = time.monotonic() - began
    rate = f", {count / seconds:,.0f} {unit}/s" if count else ""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {name} | {seconds:,.2f} s{rate} | {memory:.0f} MB |", flush=True)
    return result


def deliver_to(root: Path, count: int) -> str:
    """New mail into the large mailbox, one durable group each, as a live mailbox takes it."""
    with Mailbox.open(root) as mailbox:
        row = mailbox.folders.all()[0]
        times = []
        for number in range(count):
            body = HeldBody(b"Subject: new\r\n\r\n%d\r\n" % number)
            uid = mailbox.folders.get(row.id).uidnext
            began = time.monotonic()
            mailbox.messages.advance(row.id, uid + 1)
            mailbox.messages.store(
                row.id, row.uidvalidity, [NewMessage(uid, frozenset(), InternalDate(1_700_000_000), body)]
            )
            times.append((time.monotonic() - began) * 1000)
        times.sort()
    return (
        f"median {statistics.median(times):.1f} ms, p99 {times[int(len(times) * 0.99)]:.1f} ms, max {times[-1]:.1f} ms"
    )


def list_pages(root: Path) -> str:
    """The newest hundred of INBOX with their headers, as a page shows them."""
    times = []
    with Mailbox.open(root, read_only=True) as mailbox:
        inbox = next(row for row in mailbox.folders.all() if row.path.is_inbox)
        for page in range(20):
            began = time.monotonic()
            mailbox.database.execute(
                "SELECT m.uid, m.date_utc, m.flagset, h.subject, h.sender FROM messages m JOIN headers h ON h.message = m.id"
                " WHERE m.folder = ? AND m.vanished_utc IS NULL ORDER BY m.date_utc DESC LIMIT 100 OFFSET ?",
                (inbox.id, page * 100),
            ).fetchall()
            times.append((time.monotonic() - began) * 1000)
    return f"a page of 100: median {statistics.median(times):.1f} ms, first {times[0]:.1f} ms"


def open_and_close(root: Path) -> None:
    Mailbox.open(root, read_only=True).close()


def look_for(root: Path) -> str:
    told = []
    with Mailbox.open(root) as mailbox:
        for query in ("colloque", "subject:colloque", "subject:123456", '"budget thesis lunch"'):
            began = time.monotonic()
            hits = search(mailbox, query, 100)
            told.append(f"{query}: {len(hits)} in {(time.monotonic() - began) * 1000:.0f} ms")
    return "; ".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--octets", type=int, default=10_000)
    parser.add_argument("--work", type=Path, default=Path("/tmp/bascule-large"))
    chosen = parser.parse_args()
    shutil.rmtree(chosen.work, ignore_errors=True)
    chosen.work.mkdir(parents=True)
    root = chosen.work / "large.mailbox"
    source = GeneratedSource(chosen.messages, chosen.octets)
    print("| step | time | peak memory |\n|---|---|---|")

    def take_in() -> None:
        with Mailbox.open_or_create(root) as mailbox:
            asyncio.run(capture(source, mailbox, CaptureOptions(connections=1)))

    step("capture", take_in, "messages", chosen.messages)
    size = sum(file.stat().st_size for file in root.glob("*.sqlite*"))
    catalogue = (root / "catalogue.sqlite").stat().st_size
    print(f"| on disk | {size / 1e9:.2f} GB, of which the catalogue {catalogue / 1e9:.2f} GB | |", flush=True)
    step("open", lambda: open_and_close(root))
    print(f"| list | {list_pages(root)} | |", flush=True)
    source.flags_changed = set(range(1, chosen.messages // 10, 7))
    step("delta: flags changed in every folder", take_in)
    step("delta: nothing changed", take_in)
    print(f"| deliver to it | {deliver_to(root, 500)} | |", flush=True)

    def index() -> object:
        with Mailbox.open(root) as mailbox:
            return update_index(mailbox)

    step("index", index, "messages", chosen.messages)
    print(f"| search | {look_for(root)} | |", flush=True)

    def write_out() -> object:
        with Mailbox.open(root, read_only=True) as mailbox:
            return export_mailbox(mailbox, chosen.work / "mbox", "mbox")

    step("export as mbox", write_out, "messages", chosen.messages)
    shutil.rmtree(chosen.work / "mbox")

    def backup() -> object:
        with Mailbox.open(root) as mailbox:
            return copy_mailbox(mailbox.root, chosen.work / "backup", is_alone=True).octets

    step("backup, first", backup)
    deliver_to(root, 10)
    copied = step("backup after 10 new messages", backup)
    print(f"| octets copied by it | {copied:,} | |", flush=True)

    def seal_it() -> None:
        with Mailbox.open(root) as mailbox:
            seal(mailbox, chosen.work / "large.sealed")

    step("seal", seal_it)
    found = step("check, every octet", lambda: check(root), "messages", chosen.messages)
    print(f"| findings | {len(found) if isinstance(found, list) else found} | |")
    shutil.rmtree(chosen.work)


if __name__ == "__main__":
    main()
