"""“A colleague's mail to me came back”: what is refused before there is a message stands in the trace, and a dictionary of names does not fill it."""

import asyncio
import base64
from collections import Counter
from pathlib import Path

from bascule.platform.accounts import Account
from bascule.platform.smtp import limits
from bascule.platform.smtp.refusals import MINUTE_SECONDS, Refusals
from bascule.platform.smtp.session import Peer
from bascule.platform.trace import FILE, Row, Trace, search
from bascule.terms.size import grouped
from support.in_process import Client, served
from support.server import ANNA, PASSWORD

MEMBER = Account("1" * 32, "anna@example.org", "Anna", ("anna@example.org",), None)


def rows_of(data: Path, recipient: str = "") -> list[Row]:
    return list(search(data / FILE, recipient=recipient, limit=100_000))


def test_a_refused_recipient_or_sender_is_found_by_the_help_desk(tmp_path: Path) -> None:
    async def talk() -> None:
        async with served(tmp_path, ANNA) as running:
            client = await Client.connect(running.smtp)
            for line in (
                "EHLO a.example", "MAIL FROM:<zoe@far.example>", "RCPT TO:<typo@example.org>", "RCPT TO:<bob@else.example>",
                f"RCPT TO:<{ANNA}>", "RCPT TO:<one> X=Y", "RSET", f"RCPT TO:<{ANNA}>", "MAIL FROM:<a@b.example> SIZE=999999999999",
            ):  # fmt: skip
                await client.said(line)
            member = await Client.connect(running.submission)
            await member.said("EHLO a.example")
            word = base64.b64encode(f"\0{ANNA}\0{PASSWORD}".encode()).decode()
            assert (await member.said(f"AUTH PLAIN {word}")).startswith("235")
            await member.said("MAIL FROM:<dean@example.org>")
            await member.said("MAIL FROM:<" + ANNA + ">")
            await member.said("RCPT TO:<nobody@example.org>")

    asyncio.run(talk())
    found = [(row.event, row.sender, row.recipient, row.detail[:9], row.peer) for row in rows_of(tmp_path)]
    here = "127.0.0.1"
    assert found == [
        ("refused", "zoe@far.example", "typo@example.org", "550 5.1.1", here),
        ("refused", "zoe@far.example", "bob@else.example", "550 5.7.1", here),
        ("refused", "a@b.example", "", "552 5.3.4", here),
        ("refused", "dean@example.org", "", "553 5.7.1", here),
        ("refused", ANNA, "nobody@example.org", "550 5.1.1", here),
    ]
    [one] = rows_of(tmp_path, recipient="typo@")
    assert "there is nobody here named typo@example.org" in one.detail


class Attacked:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.now = 1_000.0
        self.trace = Trace(data / FILE)
        self.refusals = Refusals(self.trace, lambda: self.now)

    def refuse(self, address: str, times: int = 1, account: Account | None = None) -> None:
        peer = Peer(address, False, account=account)
        for number in range(times):
            self.refusals.note(peer, "m", "a@b.example", f"name{number}@example.org", "550 5.1.1 nobody")

    def rows(self) -> list[Row]:
        self.trace.close()
        return rows_of(self.data)


def test_a_dictionary_of_names_is_counted_and_an_honest_sender_beside_it_is_named(tmp_path: Path) -> None:
    attacked = Attacked(tmp_path)
    attacked.refuse("192.0.2.1", 5_000)
    attacked.refuse("2001:db8::1", 2_000)
    attacked.refuse("2001:db8::2", 1_000)  # the same customer
    attacked.refuse("198.51.100.7", 2)  # honest
    named = Counter(row.peer for row in attacked.rows())
    assert named["192.0.2.1"] == limits.REFUSED_OF_ONE
    assert named["2001:db8::1"] + named["2001:db8::2"] <= limits.REFUSED_OF_ONE
    assert named["198.51.100.7"] == 2
    attacked.now += MINUTE_SECONDS
    attacked.refusals.count()
    told = {row.peer: row.detail for row in attacked.rows() if not row.message}
    assert told["192.0.2.1"].startswith(f"{grouped(4_980)} more refused within a minute")
    assert len(told) == 2


def test_many_networks_fill_no_disk_and_take_nothing_from_members(tmp_path: Path) -> None:
    attacked = Attacked(tmp_path)
    for number in range(5_000):
        attacked.refuse(f"10.1.{number // 250}.{number % 250}", 2)
    attacked.refuse("10.9.9.9", 3, MEMBER)
    attacked.refusals.count(at_once=True)
    rows = attacked.rows()
    assert sum(row.message == "m" and row.peer != "10.9.9.9" for row in rows) == limits.REFUSED_NAMED
    assert sum(row.peer == "10.9.9.9" for row in rows) == 3
    counts = [row for row in rows if not row.message]
    assert len(counts) == limits.REFUSED_COUNTED + 1
    assert "from several networks" in counts[-1].detail
    attacked.refuse("10.9.9.8")  # another minute
    assert sum(row.peer == "10.9.9.8" for row in attacked.rows()) == 1
