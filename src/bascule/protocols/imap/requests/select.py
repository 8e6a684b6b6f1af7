"""SELECT's and EXAMINE's arguments: RFC 9051 §6.3.2; CONDSTORE and QRESYNC, RFC 7162 §3.1.8, §3.2.5."""

from dataclasses import dataclass

from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.requests.arguments import Arguments, list_of, number_of, string_of, word_of
from bascule.protocols.imap.requests.request import BadRequest
from bascule.protocols.imap.sequence import Range, parse_ranges
from bascule.protocols.imap.tokens import Value


@dataclass(frozen=True, slots=True)
class Known:
    """What a client remembers of the mailbox (QRESYNC). ``uids`` None: it did not say. ``matched``: (sequence numbers, UIDs)."""

    uidvalidity: int
    modseq: int
    uids: tuple[Range, ...] | None = None
    matched: tuple[tuple[Range, ...], tuple[Range, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Select:
    name: bytes
    condstore: bool
    known: Known | None


def parse_select(arguments: Arguments) -> Select:
    name = arguments.string("a mailbox name")
    condstore, known = False, None
    parameters = arguments.list_if() or []
    while parameters:
        word = word_of(parameters.pop(0), "a parameter")
        if word == "CONDSTORE":
            condstore = True
        elif word == "QRESYNC" and parameters:
            known = _known(list_of(parameters.pop(0), "QRESYNC's argument"))
        else:
            raise BadRequest(f"no such parameter: {word:.40}")
    arguments.end()
    return Select(name, condstore, known)


def _known(values: list[Value]) -> Known:
    if not 2 <= len(values) <= 4:
        raise BadRequest("QRESYNC needs UIDVALIDITY and a mod-sequence")
    uidvalidity, modseq = number_of(values[0], "UIDVALIDITY"), number_of(values[1], "a mod-sequence")
    if uidvalidity == 0 or modseq == 0:
        raise BadRequest("QRESYNC's UIDVALIDITY and mod-sequence are above 0")
    uids, matched = None, None
    for value in values[2:]:
        if isinstance(value, list):
            if len(value) != 2:
                raise BadRequest("QRESYNC matches sequence numbers with UIDs")
            matched = (_ranges(value[0]), _ranges(value[1]))
        else:
            uids = _ranges(value)
    return Known(uidvalidity, modseq, uids, matched)


def _ranges(value: Value) -> tuple[Range, ...]:
    try:
        return tuple(parse_ranges(string_of(value, "a set of UIDs")))
    except RemoteError as error:
        raise BadRequest(str(error)) from error
