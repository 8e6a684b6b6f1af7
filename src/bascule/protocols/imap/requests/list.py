"""LIST's arguments: RFC 9051 §6.3.9; RFC 5258 (extended), RFC 5819 (STATUS), RFC 6154 (SPECIAL-USE); LSUB, RFC 3501 §6.3.9."""

from dataclasses import dataclass

from bascule.protocols.imap.requests.arguments import Arguments, list_of, string_of, word_of
from bascule.protocols.imap.requests.request import BadRequest
from bascule.protocols.imap.requests.status import status_items
from bascule.protocols.imap.tokens import Value

SELECTION = frozenset(("SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"))
PATTERNS_OF_A_LIST = 100


@dataclass(frozen=True, slots=True)
class List:
    """``options`` and ``returns`` in capitals; ``status``: items of RETURN (STATUS (…)). ``extended``: RFC 5258's form."""

    reference: bytes
    patterns: tuple[bytes, ...]
    options: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] = ()
    extended: bool = False


def parse_list(arguments: Arguments) -> List:
    selected = arguments.list_if()
    options = frozenset(word_of(value, "a selection option") for value in selected or ())
    if options - SELECTION:
        raise BadRequest(f"no such option: {min(options - SELECTION):.40}")
    if "RECURSIVEMATCH" in options and not options & {"SUBSCRIBED", "SPECIAL-USE"}:  # RFC 5258 §3.1
        raise BadRequest("RECURSIVEMATCH needs SUBSCRIBED")
    reference = arguments.string("a reference")
    listed = arguments.list_if()
    if listed is None:
        patterns: tuple[bytes, ...] = (arguments.string("a pattern"),)
    else:
        patterns = tuple(string_of(value, "a pattern") for value in listed)
        if not 0 < len(patterns) <= PATTERNS_OF_A_LIST:
            raise BadRequest("LIST needs a pattern")
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] = ()
    extended = selected is not None or listed is not None
    if arguments.word_if("RETURN"):
        extended = True
        returns, status = _returns(arguments.list("RETURN's options"))
    arguments.end()
    return List(reference, patterns, options, returns, status, extended)


def _returns(values: list[Value]) -> tuple[frozenset[str], tuple[str, ...]]:
    found: set[str] = set()
    status: tuple[str, ...] = ()
    rest = iter(values)
    for value in rest:
        word = word_of(value, "a return option")
        if word == "STATUS":
            status = status_items(list_of(next(rest, None), "STATUS's items"))
        elif word not in ("SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "MYRIGHTS"):
            raise BadRequest(f"no such return option: {word:.40}")
        found.add(word)
    return frozenset(found), status
