"""A folder that somebody renamed on the target is found by what a new name leaves as it was, and no other is taken for it."""

import asyncio
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Self, cast

import pytest

from bascule.deliver.renames import find_renamed
from bascule.mailbox import Mailbox, NewMessage
from bascule.mailbox.ledger import Foreign, Ledger, TargetFolder
from bascule.protocols.imap.commands import Argument
from bascule.protocols.imap.fetch import Fetch, MessageData
from bascule.protocols.imap.responses import Listing, Namespace, Status
from bascule.terms.body import HeldBody
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient

NONE: Flags = frozenset()
HUGE = 2**32 - 1
"""The highest UID and UIDVALIDITY that there is."""
COMPOSED, TAKEN_APART = "caf\u00e9".encode(), "cafe\u0301".encode()


@dataclass(slots=True)
class There:
    """A folder of the target. ``uidnext`` None: it is not told. ``messages``: UID → octets; None: it does not open."""

    uidvalidity: int = 7
    uidnext: int | None = 100
    mailboxid: str = ""
    attributes: frozenset[str] = frozenset()
    messages: dict[int, bytes] | None = field(default_factory=dict)

    def status(self, name: bytes) -> Status:
        items = {"UIDVALIDITY": self.uidvalidity}
        if self.uidnext is not None:
            items["UIDNEXT"] = self.uidnext
        return Status(name, items, self.mailboxid)


@dataclass(slots=True)
class Target:
    """What it says of its folders, by raw name; ``asked``: of how many folders it told what they are known by."""

    folders: dict[bytes, There]
    others: bytes = b""
    asked: int = 0
    selected: There = field(default_factory=There)

    @property
    def tells_mailboxid(self) -> bool:
        return any(each.mailboxid for each in self.folders.values())

    async def namespace(self) -> Namespace | None:
        return Namespace(((b"", "/"),), ((self.others, "/"),), ()) if self.others else None

    async def list_all(self) -> list[Listing]:
        return [Listing("LIST", each.attributes, "/", name) for name, each in self.folders.items()]

    async def identities(self, names: Sequence[bytes]) -> dict[bytes, Status]:
        self.asked += len(names)
        return {name: self.folders[name].status(name) for name in names}

    async def select(self, name: bytes, *, read_only: bool) -> None:
        assert read_only
        self.selected = self.folders[name]
        if self.selected.messages is None:
            raise CommandRefused("EXAMINE", "NO", None, "no")

    async def fetch(self, uids: Argument, items: Argument, take: Callable[[Fetch], None]) -> Self:
        for number, (uid, octets) in enumerate((self.selected.messages or {}).items(), 1):
            take(Fetch(number, MessageData(uid, NONE, InternalDate(0), len(octets), octets)))
        return self

    async def ok(self) -> None: ...

    async def uids_from(self) -> list[int]:
        return sorted(self.selected.messages or {})


def used(ledger: Ledger, *folders: TargetFolder) -> None:
    for folder in folders:
        ledger.record_folder(folder)


def found(mailbox: Mailbox, ledger: Ledger, target: Target, others: Container[int] = ()) -> dict[int, bytes]:
    """The name of each folder that runs have used, once renamed ones were looked for."""
    asyncio.run(find_renamed(cast(ImapClient, target), mailbox, ledger, others))
    return {folder: row.name for folder, row in ledger.folders().items()}


A, B, C = (TargetFolder(number, name, 6 + number, 50) for number, name in ((1, b"A"), (2, b"B"), (3, b"C")))
"""Of UIDVALIDITY 7, 8 and 9."""
A_ID, B_ID, C_ID = (TargetFolder(n, name, 7, 50, f"id-{n}") for n, name in ((1, b"A"), (2, b"B"), (3, b"C")))
"""Of one UIDVALIDITY: MAILBOXID alone tells them apart."""


# -- by what it is known ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "is_it"),
    [
        (There(), True),
        (There(uidnext=50), True),
        (There(uidnext=HUGE), True),
        (There(uidnext=None), True),
        (There(mailboxid="id-1"), True),
        (There(uidnext=49), False),
        (There(uidnext=0), False),
        (There(uidvalidity=8), False),
        (There(uidvalidity=0), False),
        (There(attributes=frozenset({"\\Noselect"})), False),
        (There(attributes=frozenset({"\\nonexistent"})), False),
    ],
)
def test_a_folder_that_is_listed_no_more_is_that_of_its_uidvalidity_whose_uids_go_as_far(
    mailbox: Mailbox, ledger: Ledger, there: There, is_it: bool
) -> None:
    used(ledger, A, B)
    target = Target({b"INBOX": There(1), b"B": There(8), b"new": there})
    assert found(mailbox, ledger, target) == {1: b"new" if is_it else b"A", 2: b"B"}


def test_mailboxid_tells_it_whatever_its_uidvalidity_is(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A_ID)
    target = Target({b"a": There(7, 100, "id-2"), b"b": There(HUGE, 1, "id-1", messages=None)})
    assert found(mailbox, ledger, target) == {1: b"b"}


@pytest.mark.parametrize(("known", "told"), [("id-1", "id-2"), ("id-1", "ID-1")])
def test_another_mailboxid_is_another_folders(mailbox: Mailbox, ledger: Ledger, known: str, told: str) -> None:
    used(ledger, TargetFolder(1, b"A", 7, 50, known))
    assert found(mailbox, ledger, Target({b"new": There(mailboxid=told)})) == {1: b"A"}


def test_where_the_target_tells_none_any_more_uidvalidity_does(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A_ID)
    assert found(mailbox, ledger, Target({b"new": There()})) == {1: b"new"}


@pytest.mark.parametrize(
    "name",
    [
        b"a", COMPOSED, TAKEN_APART, b"A/B", b"A ", b"x" * 300, b"\0\r\n", b"A (2)",
    ],
)  # fmt: skip
def test_a_new_name_may_differ_in_capitals_or_form_alone(mailbox: Mailbox, ledger: Ledger, name: bytes) -> None:
    used(ledger, A)
    assert found(mailbox, ledger, Target({name: There()})) == {1: name}


# -- several ----------------------------------------------------------------------------------------------------------


def test_of_two_that_may_be_it_neither_is(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A)
    assert found(mailbox, ledger, Target({b"new": There(), b"newer": There()})) == {1: b"A"}


def test_of_two_of_ours_that_it_may_be_it_is_neither(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A, TargetFolder(2, b"B", 7, 50))
    assert found(mailbox, ledger, Target({b"new": There()})) == {1: b"A", 2: b"B"}


@pytest.mark.parametrize("mailboxid", ["", "id"])
def test_one_that_is_there_still_stands_in_nobodys_way(mailbox: Mailbox, ledger: Ledger, mailboxid: str) -> None:
    """Nor where the target tells MAILBOXIDs that no run has seen yet."""
    used(ledger, A, TargetFolder(2, b"B", 7, 50))
    target = Target({name: There(mailboxid=mailboxid and f"{mailboxid}-{name.decode()}") for name in (b"B", b"new")})
    assert found(mailbox, ledger, target) == {1: b"new", 2: b"B"}


def test_all_are_found_that_moved_below_another(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A, B, C)
    target = Target({b"old/A": There(7), b"old/B": There(8), b"old/C": There(9)})
    assert found(mailbox, ledger, target) == {1: b"old/A", 2: b"old/B", 3: b"old/C"}


def test_by_mailboxid_one_is_found_under_the_name_that_another_had(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A_ID, B_ID, C_ID)
    target = Target({name: There(mailboxid=told) for name, told in ((b"B", "id-1"), (b"C", "id-2"), (b"D", "id-3"))})
    assert found(mailbox, ledger, target) == {1: b"B", 2: b"C", 3: b"D"}


def test_what_is_found_by_mailboxid_is_no_other_of_the_same_uidvalidity(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A_ID, TargetFolder(2, b"B", 7, 50))
    target = Target({b"new": There(mailboxid="id-1")})
    assert found(mailbox, ledger, target) == {1: b"new", 2: b"B"}


def test_what_is_found_by_mailboxid_leaves_uidvalidity_to_the_others(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A_ID, TargetFolder(2, b"B", 7, 50))
    target = Target({b"new": There(mailboxid="id-1"), b"newer": There(mailboxid="id-2")})
    assert found(mailbox, ledger, target) == {1: b"new", 2: b"newer"}


@pytest.mark.parametrize("name", [b"INBOX", b"inbox", b"Inbox"])
@pytest.mark.parametrize("mailboxid", ["", "id-1"])
def test_inbox_is_never_another_folder(mailbox: Mailbox, ledger: Ledger, name: bytes, mailboxid: str) -> None:
    """Renaming it moves its messages and leaves it (RFC 9051 §6.3.6)."""
    used(ledger, TargetFolder(1, name, 7, 50, mailboxid or None), B)
    target = Target({b"new": There(7, 100, mailboxid), b"newer": There(8)})
    assert found(mailbox, ledger, target) == {1: name, 2: b"newer"}


@pytest.mark.parametrize("messages", [{}, {60: b"x"}])
def test_an_inbox_that_no_run_used_is_no_other_folder(
    mailbox: Mailbox, ledger: Ledger, messages: dict[int, bytes]
) -> None:
    used(ledger, A)
    assert found(mailbox, ledger, Target({b"INBOX": There(messages=messages)})) == {1: b"A"}


def test_by_mailboxid_one_is_found_where_no_name_is_new(mailbox: Mailbox, ledger: Ledger) -> None:
    """Another was deleted, and this one has its name now."""
    used(ledger, A_ID, B_ID)
    assert found(mailbox, ledger, Target({b"B": There(mailboxid="id-1")}))[1] == b"B"


def test_of_two_names_with_one_mailboxid_its_own_stays(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A_ID, C_ID)
    target = Target({b"A": There(mailboxid="id-1"), b"Z": There(mailboxid="id-1")})
    assert found(mailbox, ledger, target) == {1: b"A", 3: b"C"}
    target = Target({b"Y": There(mailboxid="id-1"), b"Z": There(mailboxid="id-1")})
    assert found(mailbox, ledger, target) == {1: b"Y", 3: b"C"}


def test_another_users_folder_is_none_of_ours(mailbox: Mailbox, ledger: Ledger) -> None:
    used(ledger, A)
    assert found(mailbox, ledger, Target({b"user/eve": There()}, others=b"user/")) == {1: b"A"}


# -- nothing to look for ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folders", "there"),
    [
        ([A], [b"A"]),
        ([A], [b"A", b"new"]),
        ([A], []),
        ([A, B], [b"B"]),
        ([TargetFolder(1, b"A")], [b"new"]),
    ],
)
def test_no_folder_is_asked_what_it_is_where_none_is_lost_or_none_is_new(
    mailbox: Mailbox, ledger: Ledger, folders: list[TargetFolder], there: list[bytes]
) -> None:
    used(ledger, *folders)
    target = Target({name: There() for name in there})
    listed = asyncio.run(find_renamed(cast(ImapClient, target), mailbox, ledger))
    assert (listed, target.asked) == (frozenset(there), 0)


def test_where_no_run_has_used_any_none_is_listed(mailbox: Mailbox, ledger: Ledger) -> None:
    assert asyncio.run(find_renamed(cast(ImapClient, None), mailbox, ledger)) == frozenset()


# -- what lies in it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "is_it"),
    [
        ({10: b"ours"}, True),
        ({10: b"ours", 11: b"theirs"}, True),
        ({5: b"was there"}, True),
        ({50: b"came since"}, True),
        ({}, True),
        (None, True),
        ({10: b"not ours"}, False),
        ({11: b"ours"}, False),
        ({5: b"was there", 49: b"not ours"}, False),
    ],
)
def test_what_lies_under_the_uids_of_ours_is_not_all_somebody_elses(
    mailbox: Mailbox, ledger: Ledger, messages: dict[int, bytes] | None, is_it: bool
) -> None:
    """One of UID 10 was delivered, and one of UID 5 had been there; the folder was looked at up to 49."""
    folder = mailbox.folders.record(
        FolderPath(("A",)), source_name=b"", special_use=None, subscribed=True, selectable=True
    ).id
    used(ledger, TargetFolder(folder, b"A", 7, 50))
    [message] = mailbox.messages.store(folder, 1, [NewMessage(1, NONE, InternalDate(0), HeldBody(b"ours"))])
    ledger.settle(folder, [(message, Outcome(OutcomeCode.ALREADY_THERE, "", 10))])
    ledger.record_foreign(folder, [Foreign(5, b"")])
    target = Target({b"new": There(messages=messages)})
    assert found(mailbox, ledger, target) == {folder: b"new" if is_it else b"A"}


# -- folders whose name another has, of which the old side's is another one as well -----------------------------------


@pytest.mark.parametrize(
    ("there", "others", "names"),
    [
        ({b"A": There(8), b"B": There(7)}, {1, 2}, {1: b"B", 2: b"A"}),  # exchanged
        ({b"A": There(8), b"B": There(7)}, {}, {1: b"A", 2: b"B"}),  # nobody asks
        ({b"A": There(20), b"A 2025": There(7), b"B": There(8)}, {1}, {1: b"A 2025", 2: b"B"}),
        ({b"A": There(20), b"A 2025": There(7), b"B": There(8)}, {2}, {1: b"A", 2: b"B"}),
        ({b"A": There(20), b"A 2025": There(7, uidnext=49), b"B": There(8)}, {1}, {1: b"A", 2: b"B"}),
        ({b"A": There(20), b"X": There(7), b"Y": There(7), b"B": There(8)}, {1}, {1: b"A", 2: b"B"}),
        ({b"A": There(8)}, {1, 2}, {1: b"", 2: b"A"}),  # A is gone, and B has its name
    ],
)
def test_by_uidvalidity_it_is_found_though_another_has_its_name(
    mailbox: Mailbox, ledger: Ledger, there: dict[bytes, There], others: Container[int], names: dict[int, bytes]
) -> None:
    used(ledger, A, B)
    assert found(mailbox, ledger, Target(there), others) == names


def test_one_without_mailboxid_is_found_under_a_name_that_another_left(mailbox: Mailbox, ledger: Ledger) -> None:
    """Of A it is known, of B not yet; the two have exchanged their names."""
    used(ledger, TargetFolder(1, b"A", 7, 50, "id-1"), B)
    there = {b"A": There(8, mailboxid="id-2"), b"B": There(7, mailboxid="id-1")}
    assert found(mailbox, ledger, Target(there)) == {1: b"B", 2: b"A"}
