"""STATUS's items: RFC 9051 §6.3.11; HIGHESTMODSEQ, RFC 7162; SIZE, RFC 8438; MAILBOXID, RFC 8474; APPENDLIMIT, RFC 7889."""

from dataclasses import dataclass

from bascule.protocols.imap.requests.arguments import Arguments, word_of
from bascule.protocols.imap.requests.request import BadRequest
from bascule.protocols.imap.tokens import Value

ITEMS = frozenset(
    (
        "MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE", "HIGHESTMODSEQ", "MAILBOXID", "APPENDLIMIT",
        "DELETED-STORAGE",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Status:
    name: bytes
    items: tuple[str, ...]


def parse_status(arguments: Arguments) -> Status:
    name = arguments.string("a mailbox name")
    items = status_items(arguments.list("STATUS's items"))
    arguments.end()
    return Status(name, items)


def status_items(values: list[Value]) -> tuple[str, ...]:
    """Each once, in the order asked for."""
    items = tuple(dict.fromkeys(word_of(value, "a STATUS item") for value in values))
    if not items or not ITEMS.issuperset(items):
        raise BadRequest("no such STATUS item")
    return items
