"""APPEND's arguments: RFC 9051 §6.3.12; several messages, RFC 3502; UTF8 (…), RFC 6855 §4."""

from dataclasses import dataclass

from bascule.protocols.imap.dates import parse_date_time
from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.receiver import Literal
from bascule.protocols.imap.requests.arguments import Arguments, flags_of
from bascule.protocols.imap.requests.request import BadRequest
from bascule.terms.flags import Flags
from bascule.terms.instant import InternalDate


@dataclass(frozen=True, slots=True)
class NewMessage:
    """``date`` None: now. ``octets``: the message, or the sink that it was written to as it arrived."""

    flags: Flags
    date: InternalDate | None
    octets: Literal
    utf8: bool


@dataclass(frozen=True, slots=True)
class Append:
    """``name`` as the connection writes mailbox names."""

    name: bytes
    messages: tuple[NewMessage, ...]


def parse_append(arguments: Arguments) -> Append:
    name = arguments.string("a mailbox name")
    messages: list[NewMessage] = []
    while not arguments.is_empty or not messages:
        messages.append(_message(arguments))
    return Append(name, tuple(messages))


def _message(arguments: Arguments) -> NewMessage:
    flags: Flags = frozenset()
    date: InternalDate | None = None
    listed = arguments.list_if()
    if listed is not None:
        flags = flags_of(listed)
    utf8 = arguments.word_if("UTF8")
    if not utf8 and not arguments.is_literal_next():
        try:
            date = parse_date_time(arguments.string("a date"))
        except RemoteError as error:
            raise BadRequest(str(error)) from error
        utf8 = arguments.word_if("UTF8")
    if utf8:
        return NewMessage(flags, date, _utf8(arguments), utf8=True)
    return NewMessage(flags, date, arguments.literal("a message"), utf8=False)


def _utf8(arguments: Arguments) -> Literal:
    values = arguments.list("UTF8's literal")
    if len(values) != 1 or values[0] is None or isinstance(values[0], list):
        raise BadRequest("UTF8 has one literal in parentheses")
    literal: Literal = values[0]
    return literal
