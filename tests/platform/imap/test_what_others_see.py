"""Several programs change one folder at once: each knows at any time what its own commands and the server's responses told it, and in the end all know
what is there (RFC 3501 §7.4.1, RFC 7162 §3.2.10)."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bascule.mailbox import check
from bascule.mailbox.live.flagging import Flagged
from bascule.mailbox.live.messages import LiveMessages
from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.imap.commands import store
from bascule.platform.imap.session import Connection, Services, Session
from bascule.platform.mailboxes import Mailboxes
from bascule.protocols.imap.requests import parse_request
from bascule.protocols.imap.sequence import parse_ranges
from support.server import ANNA, PASSWORD

FLAGS = (b"\\Seen", b"\\Flagged", b"\\Answered", b"\\Deleted", b"$One")


class Program:
    """``known``: the flags of each message that it has a number for, in the order of the numbers; None: it was not told yet."""

    def __init__(self, services: Services, *, qresync: bool) -> None:
        self.session = Session(services, Connection("127.0.0.1", is_loopback=True))
        self.session.sign_in(ANNA, PASSWORD)
        self.qresync = qresync
        self.uids: list[int] = []
        self.known: list[frozenset[bytes] | None] = []
        self.modseq = 0
        if qresync:
            self.do(b"ENABLE QRESYNC")
        self.do(b"SELECT INBOX")
        self.do(b"FETCH 1:* (UID FLAGS)")

    def do(self, line: bytes) -> bytes:
        pieces = list(self.begin(line))
        assert pieces[-1].startswith(b"t OK"), pieces[-1]
        return b"".join(pieces)

    def begin(self, line: bytes) -> Iterator[bytes]:
        """The responses, each piece heard before the next is made."""
        for piece in self.session.handle(parse_request([b"t " + line])):
            for each in piece.split(b"\r\n"):
                self._hear(each)
            yield piece

    def _hear(self, line: bytes) -> None:
        if exists := re.fullmatch(rb"\* (\d+) EXISTS", line):
            assert int(exists[1]) >= len(self.known), line
            self.known += [None] * (int(exists[1]) - len(self.known))
            self.uids += [0] * (int(exists[1]) - len(self.uids))
        elif expunged := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
            assert not self.qresync
            del self.known[int(expunged[1]) - 1], self.uids[int(expunged[1]) - 1]
        elif vanished := re.fullmatch(rb"\* VANISHED (?:\(EARLIER\) )?(\S+)", line):
            assert self.qresync
            for piece in vanished[1].split(b","):
                low, _, high = piece.partition(b":")
                gone = range(int(low), int(high or low) + 1)
                places = [place for place, uid in enumerate(self.uids) if uid in gone]
                for place in reversed(places):
                    del self.known[place], self.uids[place]
        elif told := re.fullmatch(rb"\* (\d+) FETCH \(UID (\d+)(?: FLAGS \((.*?)\))?(?: MODSEQ \((\d+)\))?\)", line):
            number, uid = int(told[1]) - 1, int(told[2])
            assert self.uids[number] in (0, uid), (line, self.uids)
            self.uids[number] = uid
            if told[3] is not None:
                self.known[number] = frozenset(told[3].split()) - {b"\\Recent"}
            self.modseq = max(self.modseq, int(told[4] or 0))

    def store(self, first: int, last: int, sign: bytes, flag: bytes, *, silent: bool, uid: bool) -> None:
        named = slice(first - 1, last)
        if silent:
            for place in range(*named.indices(len(self.known))):
                flags = self.known[place]
                if flags is not None:
                    self.known[place] = flags | {flag} if sign == b"+" else flags - {flag}
        low, high = (self.uids[first - 1], self.uids[last - 1]) if uid else (first, last)
        command = b"%bSTORE %d:%d %bFLAGS%b (%b)" % (
            b"UID " if uid else b"", low, high, sign, b".SILENT" if silent else b"", flag,
        )  # fmt: skip
        self.do(command)

    def learn(self) -> None:
        """What it must ask: the flags of what arrived."""
        self.do(b"NOOP")
        if None in self.known:
            self.do(b"FETCH %d:* (UID FLAGS)" % (self.known.index(None) + 1))

    def resynchronise(self) -> None:
        """Select again, and learn what changed since the highest MODSEQ that it was told (RFC 7162 §3.2.5.1): what it knows goes by UID then."""
        kept = dict(zip(self.uids, self.known, strict=True))
        self.uids, self.known = [], []
        line = b"t SELECT INBOX (QRESYNC (%d %d))" % (self.session.selected.uidvalidity, self.modseq)
        told = b"".join(self.session.handle(parse_request([line])))
        for gone in re.findall(rb"VANISHED \(EARLIER\) (\S+)", told):
            for low, high in parse_ranges(gone):
                kept = {uid: flags for uid, flags in kept.items() if not low <= uid <= high}
        for uid, flags in re.findall(rb"FETCH \(UID (\d+) FLAGS \((.*?)\)", told):
            kept[int(uid)] = frozenset(flags.split()) - {b"\\Recent"}
        exists = re.search(rb"\* (\d+) EXISTS", told)
        assert exists is not None
        assert int(exists[1]) == len(kept)
        self.uids = sorted(kept)
        self.known = [kept[uid] for uid in self.uids]


@pytest.fixture
def several(tmp_path: Path) -> Iterator[tuple[list[Services], Path]]:
    """The services of two processes."""
    accounts = EmbeddedAccounts(tmp_path / "accounts.sqlite")
    accounts.add(ANNA, PASSWORD, generated=True)
    opened = [Mailboxes(tmp_path / "mailboxes") for _ in range(2)]
    bugs: list[object] = []

    def log(event: str, **fields: object) -> None:
        bugs.append((event, fields))

    yield [Services(accounts, each, lambda account: None, lambda: 1_790_000_000.0, log) for each in opened], tmp_path
    for each in opened:
        each.close()
    accounts.close()
    assert bugs == []
    for box in (tmp_path / "mailboxes").glob("*.mailbox"):
        assert check(box) == []


def bring(program: Program, number: int) -> None:
    mail = b"Subject: %d\r\n\r\nx\r\n" % number
    frame = [b"t APPEND INBOX (\\Flagged) ", mail, b""]
    answer = list(program.session.handle(parse_request(frame)))
    assert answer[-1].startswith(b"t OK"), answer
    for piece in answer:
        for line in piece.split(b"\r\n"):
            program._hear(line)


@pytest.mark.parametrize("seed", range(6))
def test_all_programs_know_in_the_end_what_is_there(
    several: tuple[list[Services], Path], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "STORED_AT_ONCE", 7)
    (one, other), _ = several
    draw = random.Random(seed)
    first = Program(one, qresync=False)
    for number in range(30):
        bring(first, number)
    programs = [first, Program(one, qresync=True), Program(other, qresync=False), Program(other, qresync=True)]
    for number in range(150):
        program = draw.choice(programs)
        chance = draw.random()
        if chance < 0.7:
            if None in program.known or not program.known:
                program.learn()
                continue
            low, high = sorted(draw.choices(range(1, len(program.known) + 1), k=2))
            sign, flag = draw.choice((b"+", b"-")), draw.choice(FLAGS)
            program.store(low, high, sign, flag, silent=draw.random() < 0.6, uid=draw.random() < 0.5)
        elif chance < 0.8:
            bring(program, 100 + number)
        elif chance < 0.85:
            program.do(b"EXPUNGE")
        else:
            program.learn()
    for program in programs:
        program.learn()
    judge = Program(other, qresync=False)
    for program in programs:
        assert program.uids == judge.uids
        assert program.known == judge.known
    missed = programs[1]
    for sign, flag in ((b"+", b"$One"), (b"-", b"\\Flagged"), (b"+", b"\\Deleted")):
        judge.store(1, max(1, len(judge.uids) // 2), sign, flag, silent=False, uid=False)
    judge.do(b"EXPUNGE")
    bring(judge, 999)
    judge.learn()
    missed.resynchronise()
    assert (missed.uids, missed.known) == (judge.uids, judge.known)


def test_what_another_changed_a_moment_ago_is_told_after_a_silent_store(several: tuple[list[Services], Path]) -> None:
    one, other = (Program(services, qresync=False) for services in several[0])
    bring(one, 0)
    one.learn(), other.learn()
    other.do(b"STORE 1 +FLAGS (\\Answered)")
    one.store(1, 1, b"+", b"\\Seen", silent=True, uid=False)
    assert one.known == [frozenset({b"\\Flagged", b"\\Answered", b"\\Seen"})]


def test_of_a_message_that_went_nothing_older_is_told_than_before(
    several: tuple[list[Services], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process changes a message before a STORE, while it runs, and expunges it before the STORE is answered: the flags that it had before the
    STORE are not told behind those that it has since (RFC 7162 §3.1.4: a MODSEQ never falls)."""
    one, other = (Program(services, qresync=True) for services in several[0])
    bring(one, 0)
    one.learn(), other.learn()
    other.do(b"STORE 1 +FLAGS (\\Deleted)")
    flag = LiveMessages.flag

    def after_another(messages: LiveMessages, *arguments: Any, **named: Any) -> Flagged:
        monkeypatch.setattr(LiveMessages, "flag", flag)
        other.do(b"STORE 1 +FLAGS (\\Answered)")
        return messages.flag(*arguments, **named)

    monkeypatch.setattr(LiveMessages, "flag", after_another)
    answer = one.begin(b"STORE 1 +FLAGS.SILENT (\\Seen)")
    told = next(answer)
    other.do(b"EXPUNGE")
    told += b"".join(answer)
    modseqs = [int(modseq) for modseq in re.findall(rb"MODSEQ \((\d+)\)", told)]
    assert modseqs
    assert modseqs == sorted(modseqs), told
    one.learn()
    assert one.known == []


def test_others_have_their_turn_while_many_are_flagged(
    several: tuple[list[Services], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of this process, and of others; what they change meanwhile stays as they left it."""
    monkeypatch.setattr(store, "STORED_AT_ONCE", 5)
    (here, elsewhere), _ = several
    one = Program(here, qresync=False)
    for number in range(20):
        bring(one, number)
    one.learn()
    answer = one.begin(b"STORE 1:* +FLAGS (\\Seen)")
    next(answer)
    for program in (Program(here, qresync=False), Program(elsewhere, qresync=False)):
        assert [flags is not None and b"\\Seen" in flags for flags in program.known] == [True] * 5 + [False] * 15
        program.store(20, 20, b"+", b"\\Answered", silent=False, uid=False)
        bring(program, 77)
        program.do(b"UID EXPUNGE 1:*")
    assert list(answer)[-1].startswith(b"t OK")
    one.learn()
    assert one.known[19] == frozenset({b"\\Seen", b"\\Answered", b"\\Flagged"})
    assert [flags is not None and b"\\Seen" in flags for flags in one.known] == [True] * 20 + [False] * 2
