"""A target that tells no UID of what it takes (without UIDPLUS): what is recorded of a message is of that message, and of no other."""

from pathlib import Path

from support.nights import Nights
from support.quirks import Folder, Message, Quirk
from support.quirks.server import Session
from support.quirks.store import ARRIVAL


class DropsTheFirst(Quirk):
    """The first report is answered OK and not kept, once."""

    without = frozenset({"UIDPLUS"})
    has_dropped = False

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if b"report A" in message.octets and not self.has_dropped:
            self.has_dropped = True
            return None
        return message


def test_of_two_messages_of_one_size_and_second_the_one_that_was_lost_is_named_and_sent_again(tmp_path: Path) -> None:
    with Nights(tmp_path, DropsTheFirst()) as nights:
        for letter in (b"A", b"B"):
            nights.old.append(nights.inbox, b"Subject: report %b\r\n\r\nok\r\n" % letter, [], ARRIVAL)
        assert nights.copy() == [(1, "missing")]
        nights.later()
        assert nights.copy() == []
        held = sorted(message.octets.split(b"\r\n")[0] for message in nights.arrived)
        assert held == [b"Subject: report A", b"Subject: report B"]
