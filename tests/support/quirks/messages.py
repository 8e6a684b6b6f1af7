"""Commands about messages: FETCH, STORE, COPY and MOVE (RFC 6851), APPEND with MULTIAPPEND (RFC 3502) and UIDPLUS (RFC 4315)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from support.quirks.quirk import Codes
from support.quirks.selecting import opened, writable
from support.quirks.signing_in import Handler
from support.quirks.store import Message, flag
from support.quirks.syntax import Bad, No, Value, format_date, format_set, literal, number_set, parse_date, word, words

if TYPE_CHECKING:
    from support.quirks.server import Session

_MACROS = {b"FAST": [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"]}
_SECTION = re.compile(
    rb"(BODY(?:\.PEEK)?)\[(HEADER\.FIELDS \(([^)]*)\)|HEADER|TEXT|)\](?:<(\d+)\.(\d+)>)?", re.IGNORECASE
)
_ATOM_FLAG = re.compile(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")


def numbered(session: Session, text: bytes, by_uid: bool) -> list[tuple[int, Message]]:
    """The chosen messages, each with its sequence number."""
    placed = list(enumerate(session.view, 1))
    if by_uid:
        chosen = set(number_set(text, [message.uid for message in session.view]))
        return [(place, message) for place, message in placed if message.uid in chosen]
    chosen = set(number_set(text, [place for place, _ in placed]))
    return [(place, message) for place, message in placed if place in chosen]


# -- FETCH: RFC 3501 §6.4.5 -------------------------------------------------------------------------------------------


def fetch(session: Session, arguments: list[Value], by_uid: bool = False) -> bytes:
    opened(session)
    asked = arguments[1]
    names = words(asked) if isinstance(asked, list) else _MACROS.get(word(asked).upper(), [word(asked)])
    changed_since = _changed_since(session, arguments[2:])
    if by_uid and not any(name.upper() == b"UID" for name in names):
        names = [b"UID", *names]
    if changed_since is not None and not any(name.upper() == b"MODSEQ" for name in names):
        names = [*names, b"MODSEQ"]
    for place, message in numbered(session, word(arguments[0]), by_uid):
        if changed_since is not None and message.modseq <= changed_since:
            continue
        items: Codes = dict(_item(session, message, name) for name in names)
        for told in session.quirk.fetched(session, message, items):
            inside = b" ".join(name.encode() + b" " + value for name, value in told.items())
            session.lines.append(b"* %d FETCH (%b)" % (place, inside))
    return b"done"


def _changed_since(session: Session, tail: list[Value]) -> int | None:
    """RFC 7162 §3.1.4.1"""
    if not tail:
        return None
    modifier = words(tail[0])
    if not session.has("CONDSTORE") or modifier[0].upper() != b"CHANGEDSINCE":
        raise Bad("no such modifier")
    return int(modifier[1])


def _item(session: Session, message: Message, name: bytes) -> tuple[str, bytes]:
    simple: dict[bytes, Callable[[], bytes]] = {
        b"UID": lambda: b"%d" % message.uid,
        b"FLAGS": lambda: b"(%b)" % b" ".join(sorted(message.flags)),
        b"INTERNALDATE": lambda: format_date(message.date),
        b"RFC822.SIZE": lambda: b"%d" % len(message.octets),
        b"MODSEQ": lambda: b"(%d)" % message.modseq,
        b"RFC822": lambda: literal(message.octets),
        b"RFC822.HEADER": lambda: literal(_halves(message.octets)[0]),
    }
    upper = name.upper()
    if upper in simple:
        return upper.decode(), simple[upper]()
    found = _SECTION.fullmatch(name)
    if found is None:
        raise Bad(f"no item {name!r}")
    if b"PEEK" not in found[1].upper() and not session.read_only and session.selected:
        session.selected.change(message, message.flags | {b"\\Seen"})
    octets = _section(message.octets, found)
    label = f"BODY[{found[2].decode().upper()}]"
    if found[4]:
        octets = octets[int(found[4]) : int(found[4]) + int(found[5])]
        label += f"<{int(found[4])}>"
    return label, literal(octets)


def _halves(octets: bytes) -> tuple[bytes, bytes]:
    """Header with its empty line, and text."""
    if octets.startswith(b"\r\n"):
        return octets[:2], octets[2:]
    end = octets.find(b"\r\n\r\n")
    return (octets[: end + 4], octets[end + 4 :]) if end >= 0 else (octets, b"")


def _section(octets: bytes, found: re.Match[bytes]) -> bytes:
    header, text = _halves(octets)
    what = found[2].upper()
    if what.startswith(b"HEADER.FIELDS"):
        wanted = {name.lower() for name in found[3].split()}
        fields = re.findall(rb"(?m)^[^\s:]+:.*(?:\r\n[ \t].*)*\r\n", header)
        return b"".join(f for f in fields if f.split(b":")[0].lower() in wanted) + b"\r\n"
    return {b"": octets, b"HEADER": header, b"TEXT": text}[what]


# -- STORE, COPY, MOVE ------------------------------------------------------------------------------------------------


def store(session: Session, arguments: list[Value], by_uid: bool = False) -> bytes:
    """RFC 3501 §6.4.6"""
    folder = writable(session)
    how = word(arguments[1]).upper()
    given = arguments[2:] if not isinstance(arguments[2], list) else arguments[2]
    flags = as_flags([word(name) for name in given])
    for place, message in numbered(session, word(arguments[0]), by_uid):
        changed = {b"+": message.flags | flags, b"-": message.flags - flags}.get(how[:1], flags)
        if changed != message.flags:
            folder.change(message, changed)
        session.known_flags[message.uid] = message.flags
        if not how.endswith(b".SILENT"):
            told = b" ".join(sorted(message.flags))
            session.lines.append(b"* %d FETCH (UID %d FLAGS (%b))" % (place, message.uid, told))
    return b"done"


def as_flags(names: list[bytes]) -> frozenset[bytes]:
    r"""Raises Bad for what is no flag (RFC 3501 §9, flag). ``\Recent`` is not the client's to set."""
    for name in names:
        if not _ATOM_FLAG.fullmatch(name):
            raise Bad("not a flag")
    return frozenset(flag(name) for name in names if name.lower() != b"\\recent")


def copy(session: Session, arguments: list[Value], by_uid: bool = False) -> bytes:
    opened(session)
    target = session.store.find(word(arguments[1]))
    if target is None:
        raise No("[TRYCREATE] there is no such folder")
    chosen = [message for _, message in numbered(session, word(arguments[0]), by_uid)]
    made = [session.store.append(target, m.octets, m.flags, m.date).uid for m in chosen]
    if not session.has("UIDPLUS") or not made:
        return b"done"
    before = format_set(message.uid for message in chosen)
    return b"[COPYUID %d %b %b] done" % (target.uidvalidity, before, format_set(made))


def move(session: Session, arguments: list[Value], by_uid: bool = False) -> bytes:
    """RFC 6851"""
    folder = writable(session)
    chosen = [message for _, message in numbered(session, word(arguments[0]), by_uid)]
    told = copy(session, arguments, by_uid)
    if told != b"done":
        session.lines.append(b"* OK " + told)
    folder.remove(chosen)
    return b"done"


# -- APPEND: RFC 3501 §6.3.11, RFC 3502 -------------------------------------------------------------------------------


def append(session: Session, arguments: list[Value]) -> bytes:
    folder = session.store.find(word(arguments[0]))
    if folder is None or not folder.selectable:
        raise No("[TRYCREATE] there is no such folder")
    read = _arrivals(arguments[1:])
    if len(read) > 1 and not session.has("MULTIAPPEND"):
        raise Bad("one message at a time")
    kept = [session.quirk.arriving(session, folder, message) for message in read]
    uids = []
    for message in kept:
        if message is not None:
            made = session.store.append(folder, message.octets, message.flags, message.date, message.shown_at)
            uids.append(made.uid)
    return (session.quirk.appended(session, folder, uids) if session.has("UIDPLUS") else b"") + b"done"


def _arrivals(values: list[Value]) -> list[Message]:
    """All or nothing (RFC 3502 §6.3.11): nothing is kept before every message was read."""
    read: list[Message] = []
    rest = list(values)
    while rest:
        flags: frozenset[bytes] = frozenset()
        date = datetime.now(UTC).replace(microsecond=0)
        if isinstance(rest[0], list):
            flags = as_flags(words(rest.pop(0)))
        if len(rest) > 1 and isinstance(rest[1], bytes) and _is_date(word(rest[0])):
            date = parse_date(word(rest.pop(0)))
        if not rest:
            raise Bad("no message")
        read.append(Message(0, word(rest.pop(0)), flags, date))
    if not read:
        raise Bad("no message")
    return read


def _is_date(text: bytes) -> bool:
    return re.fullmatch(rb"[ \d]\d-\w{3}-\d{4} \d\d:\d\d:\d\d [+-]\d{4}", text) is not None


HANDLERS: dict[str, Handler] = {
    "FETCH": fetch,
    "UID FETCH": lambda session, arguments: fetch(session, arguments, by_uid=True),
    "STORE": store,
    "UID STORE": lambda session, arguments: store(session, arguments, by_uid=True),
    "COPY": copy,
    "UID COPY": lambda session, arguments: copy(session, arguments, by_uid=True),
    "MOVE": move,
    "UID MOVE": lambda session, arguments: move(session, arguments, by_uid=True),
    "APPEND": append,
}
