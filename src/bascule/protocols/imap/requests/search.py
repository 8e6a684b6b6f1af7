"""The arguments of SEARCH (RFC 9051 §6.4.4; RETURN, RFC 4731; SAVE, RFC 5182), SORT (RFC 5256, RFC 5267 §3.1) and THREAD (RFC 5256)."""

from dataclasses import dataclass

from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.requests.arguments import Arguments, word_of
from bascule.protocols.imap.requests.request import BadRequest
from bascule.protocols.imap.search import BadCharset, Key, parse_search
from bascule.protocols.imap.tokens import Value

RETURNS = frozenset(("MIN", "MAX", "ALL", "COUNT", "SAVE"))
SORT_KEYS = frozenset(("ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO"))
THREADINGS = frozenset(("REFERENCES", "ORDEREDSUBJECT"))


@dataclass(frozen=True, slots=True)
class Search:
    """``returns`` None: the old form, ``* SEARCH …``; empty: ALL."""

    key: Key
    returns: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """``order``: (key, reversed), the first weighs most."""

    order: tuple[tuple[str, bool], ...]
    search: Search


@dataclass(frozen=True, slots=True)
class Thread:
    algorithm: str
    key: Key


def parse_search_request(arguments: Arguments) -> Search:
    """Raises BadCharset too, which is answered with NO."""
    returns = _returns(arguments)
    return Search(_key(arguments.rest()), returns)


def _returns(arguments: Arguments) -> frozenset[str] | None:
    if not arguments.word_if("RETURN"):
        return None
    words = frozenset(word_of(value, "a return option") for value in arguments.list("RETURN's options"))
    if words - RETURNS:
        raise BadRequest(f"no such return option: {min(words - RETURNS):.40}")
    return words


def _key(values: list[Value]) -> Key:
    try:
        return parse_search(values)
    except BadCharset:
        raise
    except RemoteError as error:
        raise BadRequest(str(error)) from error


def parse_sort(arguments: Arguments) -> Sort:
    returns = _returns(arguments)
    order: list[tuple[str, bool]] = []
    reverse = False
    for value in arguments.list("SORT's order"):
        word = word_of(value, "a sort key")
        if word == "REVERSE" and not reverse:
            reverse = True
            continue
        if word not in SORT_KEYS:
            raise BadRequest(f"no such sort key: {word:.40}")
        order.append((word, reverse))
        reverse = False
    if not order or reverse or len(order) > len(SORT_KEYS) * 2:
        raise BadRequest("SORT needs keys to sort by")
    return Sort(tuple(order), Search(_key(_with_charset(arguments)), returns))


def parse_thread(arguments: Arguments) -> Thread:
    algorithm = arguments.word("THREAD's algorithm")
    if algorithm not in THREADINGS:
        raise BadRequest(f"no such algorithm: {algorithm:.40}")
    return Thread(algorithm, _key(_with_charset(arguments)))


def _with_charset(arguments: Arguments) -> list[Value]:
    """In SORT and THREAD the charset always stands there, without its name."""
    return [b"CHARSET", arguments.string("a charset").upper(), *arguments.rest()]
