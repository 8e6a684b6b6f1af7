"""STORE's arguments: RFC 9051 §6.4.6; UNCHANGEDSINCE, RFC 7162 §3.1.3."""

from dataclasses import dataclass
from enum import Enum

from bascule.protocols.imap.requests.arguments import Arguments, MessageSet, flags_of, number_of, word_of
from bascule.protocols.imap.requests.request import BadRequest
from bascule.terms.flags import Flags


class How(Enum):
    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


@dataclass(frozen=True, slots=True)
class Store:
    messages: MessageSet
    how: How
    flags: Flags
    silent: bool
    unchanged_since: int | None


def parse_store(arguments: Arguments) -> Store:
    messages = arguments.messages()
    unchanged_since = None
    modifiers = arguments.list_if()
    if modifiers is not None:
        if len(modifiers) != 2 or word_of(modifiers[0], "a modifier") != "UNCHANGEDSINCE":
            raise BadRequest("no such modifier of STORE")
        unchanged_since = number_of(modifiers[1], "UNCHANGEDSINCE")
    word = arguments.word("FLAGS, +FLAGS or -FLAGS")
    silent = word.endswith(".SILENT")
    name = word.removesuffix(".SILENT")
    if name.lstrip("+-") != "FLAGS" or len(name) > 6:
        raise BadRequest("STORE changes FLAGS, +FLAGS or -FLAGS")
    listed = arguments.list_if()
    flags = flags_of(arguments.rest() if listed is None else listed)
    arguments.end()
    return Store(messages, How(name[:-5]), flags, silent, unchanged_since)
