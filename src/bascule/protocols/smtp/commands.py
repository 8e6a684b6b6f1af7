"""One line of a client into a command, and ours to another server. RFC 5321 §4.1, RFC 2033 §4.1, RFC 4954 §4, RFC 3207 §4"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bascule.protocols.smtp.paths import take_path

_NAME = re.compile(r"[A-Za-z]{3,10}")
_PARAMETER = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[!-<>-~\u0080-\U0010ffff]+))?")
_PARAMETERS_MOST = 20
_NOT_GREETED = re.compile(r"[^A-Za-z0-9._:\-\[\]\u00a1-\u2027\u2070-\ud7ff\uf900-\ufefe\uff00-\U0010ffff]+")
"""Domains and address literals, and what programs call themselves instead: nothing that begins a comment or ends a clause of a Received field."""


class BadCommand(ValueError):
    """A line that is no command, or one with wrong arguments. ``code``, ``status``: the reply (RFC 5321 §4.2, RFC 3463)."""

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Command:
    """``argument``: of EHLO the name, of MAIL and RCPT the address ("" for the null path), of AUTH the mechanism. ``parameters``: by name in
    capitals; of AUTH ``INITIAL``, the initial response as it came."""

    name: str
    argument: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_command(line: bytes) -> Command:
    """Raises BadCommand."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadCommand(500, "5.5.2", "that is not UTF-8") from error
    word, _, rest = text.partition(" ")
    if not _NAME.fullmatch(word):
        raise BadCommand(500, "5.5.2", "that is no command")
    name = word.upper()
    if name in ("EHLO", "HELO", "LHLO"):
        return Command(name, _greeted(rest.strip()))
    if name in ("MAIL", "RCPT"):
        return _with_path(name, rest)
    if name == "AUTH":
        return _auth(rest)
    if name in ("DATA", "RSET", "QUIT", "STARTTLS"):
        if rest.strip():
            raise BadCommand(501, "5.5.4", f"{name} takes no argument")
        return Command(name)
    if name in ("NOOP", "VRFY", "HELP"):
        return Command(name, rest.strip())
    raise BadCommand(500, "5.5.1", f"there is no command {name}")


def format_command(*words: bytes) -> bytes:
    """The one writer of commands to other servers. Raises ValueError for what would be two of them, or none."""
    line = b" ".join(words)
    if not line or any(octet < 32 or octet == 127 for octet in line):
        raise ValueError("not one command")
    return line + b"\r\n"


def _greeted(name: str) -> str:
    """Whatever the client calls itself; what can't stand in a Received field is written ``?`` (RFC 5321 §4.1.4: no mail is refused for it)."""
    if not name or " " in name or not name.isprintable() or len(name) > 255:
        raise BadCommand(501, "5.5.4", "say who you are: EHLO name.example")
    return _NOT_GREETED.sub("?", name)


def _with_path(name: str, rest: str) -> Command:
    word = "FROM:" if name == "MAIL" else "TO:"
    if rest[: len(word)].upper() != word:
        raise BadCommand(501, "5.5.4", f"write {name} {word}<address>")
    try:
        address, parameters = take_path(rest[len(word) :].strip())
    except ValueError as error:
        status = "5.1.7" if name == "MAIL" else "5.1.3"
        raise BadCommand(501, status, "that is not a mail address") from error
    if not address and name == "RCPT":
        raise BadCommand(501, "5.1.3", "a recipient is missing")
    return Command(name, address, _parameters(parameters))


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in text.split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None or parameter["name"].upper() in found or len(found) >= _PARAMETERS_MOST:
            raise BadCommand(501, "5.5.4", "a parameter is written name=value")
        found[parameter["name"].upper()] = parameter["value"] or ""
    return found


def _auth(rest: str) -> Command:
    words = rest.split()
    if not 1 <= len(words) <= 2:
        raise BadCommand(501, "5.5.4", "write AUTH mechanism, and perhaps an initial response")
    return Command("AUTH", words[0].upper(), {"INITIAL": words[1]} if len(words) == 2 else {})
