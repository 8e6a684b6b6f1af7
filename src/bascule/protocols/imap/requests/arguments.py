"""The arguments of a command, taken from left to right."""

from dataclasses import dataclass

from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.flags import is_writable_flag
from bascule.protocols.imap.receiver import Literal
from bascule.protocols.imap.requests.request import BadRequest, Request
from bascule.protocols.imap.sequence import Bound, parse_set
from bascule.protocols.imap.tokens import Value, as_number, parse_values
from bascule.terms.flags import Flags, normalise_flags

FLAGS_OF_A_MESSAGE = 200
"""Keywords are names for people and programs; more are an attack on the store."""


@dataclass(frozen=True, slots=True)
class MessageSet:
    """Messages as a client names them; ``ranges`` None is ``$``, what the last SEARCH saved (RFC 5182)."""

    ranges: tuple[tuple[Bound, Bound], ...] | None


class Arguments:
    """Every method raises BadRequest where something else stands there."""

    def __init__(self, request: Request) -> None:
        try:
            self._values = parse_values(request.frame, request.start)
        except RemoteError as error:
            raise BadRequest(str(error), request.tag) from error
        self._literals = {id(part) for part in request.frame[1::2]}
        self._position = 0

    @property
    def is_empty(self) -> bool:
        return self._position >= len(self._values)

    def peek(self) -> Value:
        return self._values[self._position] if not self.is_empty else b""

    def take(self, what: str) -> Value:
        if self.is_empty:
            raise BadRequest(f"{what} is missing")
        self._position += 1
        return self._values[self._position - 1]

    def rest(self) -> list[Value]:
        """All that is left."""
        left = self._values[self._position :]
        self._position = len(self._values)
        return left

    def end(self) -> None:
        if not self.is_empty:
            raise BadRequest("there are too many arguments")

    def string(self, what: str) -> bytes:
        return string_of(self.take(what), what)

    def word(self, what: str) -> str:
        """An atom, in capitals."""
        return word_of(self.take(what), what)

    def word_if(self, word: str) -> bool:
        """Step over ``word`` where it comes next."""
        value = self.peek()
        if isinstance(value, bytes) and not self.is_empty and value.upper() == word.encode():
            self._position += 1
            return True
        return False

    def list_if(self) -> list[Value] | None:
        """The parenthesised list, where one comes next."""
        value = self.peek()
        if not isinstance(value, list):
            return None
        self._position += 1
        return value

    def list(self, what: str) -> list[Value]:
        return list_of(self.take(what), what)

    def number(self, what: str) -> int:
        return number_of(self.take(what), what)

    def is_literal_next(self) -> bool:
        return not self.is_empty and id(self.peek()) in self._literals

    def literal(self, what: str) -> Literal:
        """A literal of any size: octets, or the sink they went to."""
        if not self.is_literal_next():
            raise BadRequest(f"{what} is a literal")
        literal: Literal = self.take(what)
        return literal

    def messages(self) -> MessageSet:
        return messages_of(self.take("a set of messages"))


def string_of(value: Value, what: str) -> bytes:
    if value is None:  # NIL is an atom where a string is asked for
        return b"NIL"
    if not isinstance(value, bytes):
        raise BadRequest(f"{what} is a string")
    return value


def word_of(value: Value, what: str) -> str:
    return string_of(value, what).decode("latin-1").upper()


def list_of(value: Value, what: str) -> list[Value]:
    if not isinstance(value, list):
        raise BadRequest(f"{what} is a list in parentheses")
    return value


def number_of(value: Value, what: str) -> int:
    try:
        return as_number(value)
    except RemoteError as error:
        raise BadRequest(f"{what} is a number") from error


def messages_of(value: Value) -> MessageSet:
    if value == b"$":
        return MessageSet(None)
    try:
        return MessageSet(parse_set(string_of(value, "a set of messages")))
    except RemoteError as error:
        raise BadRequest(str(error)) from error


def flags_of(values: list[Value]) -> Flags:
    r"""Flags of STORE and APPEND. A system flag that RFC 9051 §2.3.2 does not know is refused; ``\Recent`` is left out."""
    if len(values) > FLAGS_OF_A_MESSAGE:
        raise BadRequest(f"a message has at most {FLAGS_OF_A_MESSAGE} flags")
    names = [_flag(value) for value in values]
    return normalise_flags(names)


def _flag(value: Value) -> str:
    octets = string_of(value, "a flag")
    name = octets.decode("latin-1")
    if not is_writable_flag(name) and name.lower() != "\\recent":
        kind = "no such system flag" if name.startswith("\\") else "not a flag"
        raise BadRequest(f"{kind}: {octets[:40]!r}")
    return name
