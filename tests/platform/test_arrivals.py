"""Mail that arrives together is written together, and one message that can't be written takes no other with it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bascule.platform.accounts import EmbeddedAccounts
from bascule.platform.arrivals import Arrivals, NotDelivered
from bascule.platform.mailboxes import Mailboxes
from bascule.terms.body import HELD_OCTETS, HeldBody
from bascule.terms.folder import INBOX
from support.server import ANNA, PASSWORD


class OnADiskThatFails:
    """It can be read once; while it is written to the mailbox, the disk gives an error."""

    def __init__(self) -> None:
        self.octets = HELD_OCTETS + 2
        self._reads = 0

    def chunks(self) -> Iterator[bytes]:
        self._reads += 1
        yield b"x" * HELD_OCTETS
        if self._reads > 1:
            raise OSError(5, "Input/output error")
        yield b"\r\n"


def test_one_message_that_can_not_be_written_takes_no_other_with_it(tmp_path: Path) -> None:
    accounts = EmbeddedAccounts(tmp_path / "accounts.sqlite")
    anna = accounts.add(ANNA, PASSWORD, generated=True)
    mailboxes = Mailboxes(tmp_path / "mailboxes")
    arrivals = Arrivals(mailboxes, lambda account: None, lambda event, **fields: None)
    bodies = [HeldBody(b"1"), HeldBody(b"2"), OnADiskThatFails(), HeldBody(b"3")]
    refused: list[int] = []

    def deliver(number: int) -> None:
        try:
            arrivals.deliver(anna, bodies[number], b"")
        except NotDelivered:
            refused.append(number)

    with mailboxes.using(anna.id):  # until it is given back, all of them come together
        threads = [threading.Thread(target=deliver, args=(number,)) for number in range(len(bodies))]
        for thread in threads:
            thread.start()
        while len(arrivals._waiting.get(anna.id, [])) < len(bodies):
            time.sleep(0.001)
    for thread in threads:
        thread.join(30)
    with mailboxes.using(anna.id) as box:
        inbox = box.folders.find(INBOX)
        assert inbox is not None
        found = [box.reading.octets(row.body) for row in box.reading.rows(inbox.id, 1, 100, limit=100)]
    assert sorted(found) == [b"1", b"2", b"3"]
    assert refused == [2]
    mailboxes.close()
    accounts.close()
