"""A body that a mailbox holds, to be written into another."""

from collections.abc import Iterator

from bascule.mailbox.format import MailboxError
from bascule.mailbox.mailbox import Mailbox
from bascule.terms.body import CHUNK_OCTETS, Body, Traits


class KeptBody(Body):
    """Its octets are read when they are asked for; the mailbox stays open until then, and its lock is held, but for one that was told to `hold` them. Making one
    and each method raise MailboxError."""

    def __init__(self, mailbox: Mailbox, number: int) -> None:
        query = (
            "SELECT b.sha256, b.octets, m.traits FROM bodies b JOIN messages m ON m.body = b.id WHERE b.id = ? LIMIT 1"
        )
        found = mailbox.database.execute(query, (number,)).fetchone()
        if found is None:
            raise MailboxError(f"Body {number} of {mailbox.root} was purged meanwhile.", "Look again what is there.")
        self.sha256, self.octets, bits = found
        self.traits = Traits.from_bits(bits)
        self._mailbox = mailbox
        self._number = number
        self._held: bytes | None = None

    def hold(self) -> None:
        """Read it now; from here on its mailbox is not asked. Raises MailboxError."""
        self._held = self._mailbox.octets(self._number)

    def chunks(self) -> Iterator[bytes]:
        octets = self.whole()
        for start in range(0, len(octets), CHUNK_OCTETS):
            yield octets[start : start + CHUNK_OCTETS]

    def start(self, octets: int) -> bytes:
        return self.whole()[:octets]

    def whole(self) -> bytes:
        return self._mailbox.octets(self._number) if self._held is None else self._held
