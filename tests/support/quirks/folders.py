"""Commands about folders: LIST (RFC 3501 §6.3.8, RFC 5258, RFC 5819, RFC 6154), STATUS, CREATE, DELETE, RENAME, subscriptions."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from support.quirks.signing_in import Handler
from support.quirks.store import Folder
from support.quirks.syntax import Bad, No, Value, quoted, word, words

if TYPE_CHECKING:
    from support.quirks.server import Session

_USES = {b"\\all", b"\\archive", b"\\drafts", b"\\flagged", b"\\junk", b"\\sent", b"\\trash"}


def existing(session: Session, name: bytes) -> Folder:
    folder = session.store.find(name)
    if folder is None:
        raise No(f"[NONEXISTENT] there is no {name!r}")
    return folder


def namespace(session: Session, arguments: list[Value]) -> bytes:
    separator = quoted(session.store.separator) if session.store.separator else b"NIL"
    line = b'* NAMESPACE (("" %b)) NIL NIL' % separator
    session.lines.append(session.quirk.namespace(session, line))
    return b"done"


def list_(session: Session, arguments: list[Value]) -> bytes:
    """Also with selection and return options where LIST-EXTENDED is offered."""
    values = list(arguments)
    chosen = [name.upper() for name in words(values.pop(0))] if values and isinstance(values[0], list) else []
    reference, patterns = word(values[0]), values[1]
    returned = values[3] if len(values) > 3 and isinstance(values[2], bytes) and values[2].upper() == b"RETURN" else []
    if (chosen or returned) and not session.has("LIST-EXTENDED"):
        raise Bad("LIST takes two arguments")
    pieces = words(patterns) if isinstance(patterns, list) else [word(patterns)]
    if pieces == [b""]:
        session.lines.append(b'* LIST (\\Noselect) %b ""' % _separator(session))
        return b"done"
    taken = [f for f in _matching(session, reference, pieces) if f.subscribed or b"SUBSCRIBED" not in chosen]
    options: list[Value] = [*returned, *([b"SUBSCRIBED"] if b"SUBSCRIBED" in chosen else [])]
    names = {option.upper() for option in options if isinstance(option, bytes)}
    lines = [_line(session, b"LIST", folder, _attributes(session, folder, names)) for folder in taken]
    session.lines += session.quirk.listing(session, lines)
    _statuses(session, taken, options)
    return b"done"


def _statuses(session: Session, taken: list[Folder], options: list[Value]) -> None:
    """RFC 5819: a folder whose status can't be had has none."""
    for name, items in pairwise(options):
        if name == b"STATUS":
            for folder in taken:
                if folder.selectable:
                    try:
                        session.lines.append(_status_line(session, folder, words(items)))
                    except No:
                        continue


def lsub(session: Session, arguments: list[Value]) -> bytes:
    taken = [f for f in _matching(session, word(arguments[0]), [word(arguments[1])]) if f.subscribed]
    lines = [_line(session, b"LSUB", folder, set()) for folder in taken]
    session.lines += session.quirk.listing(session, lines)
    return b"done"


def _matching(session: Session, reference: bytes, patterns: list[bytes]) -> list[Folder]:
    separator = session.store.separator
    level = rb"[^%b]*" % re.escape(separator) if separator else rb".*"
    found = []
    for folder in session.store.folders.values():
        for pattern in patterns:
            pieces = re.split(rb"([*%])", reference + pattern)
            shape = b"".join({b"*": rb".*", b"%": level}.get(piece, re.escape(piece)) for piece in pieces)
            if re.fullmatch(shape, folder.name, re.DOTALL | (re.IGNORECASE if folder.name == b"INBOX" else 0)):
                found.append(folder)
                break
    return found


def _separator(session: Session) -> bytes:
    return quoted(session.store.separator) if session.store.separator else b"NIL"


def _attributes(session: Session, folder: Folder, returned: set[bytes]) -> set[bytes]:
    attributes = set(folder.attributes)
    if not session.has("SPECIAL-USE"):
        attributes = {name for name in attributes if name.lower() not in _USES}
    if b"SUBSCRIBED" in returned and folder.subscribed:
        attributes.add(b"\\Subscribed")
    if b"CHILDREN" in returned:
        below = folder.name + (session.store.separator or b"\0\0")
        has = any(name.startswith(below) for name in session.store.folders)
        attributes.add(b"\\HasChildren" if has else b"\\HasNoChildren")
    return attributes


def _line(session: Session, command: bytes, folder: Folder, attributes: set[bytes]) -> bytes:
    told = b" ".join(sorted(attributes))
    return b"* %b (%b) %b %b" % (command, told, _separator(session), quoted(folder.name))


def status(session: Session, arguments: list[Value]) -> bytes:
    folder = existing(session, word(arguments[0]))
    if not folder.selectable:
        raise No("this is no folder of messages")
    session.lines.append(_status_line(session, folder, words(arguments[1])))
    return b"done"


def _status_line(session: Session, folder: Folder, wanted: list[bytes]) -> bytes:
    shown = [message for message in folder.messages if session.quirk.is_shown(session, message)]
    every = {
        "MESSAGES": b"%d" % len(shown),
        "RECENT": b"0",
        "UIDNEXT": b"%d" % folder.uidnext,
        "UIDVALIDITY": b"%d" % folder.uidvalidity,
        "UNSEEN": b"%d" % sum(b"\\Seen" not in message.flags for message in shown),
    }
    if session.has("CONDSTORE"):
        every["HIGHESTMODSEQ"] = b"%d" % folder.modseq
    names = [name.decode().upper() for name in wanted]
    if unknown := [name for name in names if name not in every]:
        raise Bad(f"no item {unknown[0]}")
    items = session.quirk.status(session, folder, {name: every[name] for name in names})
    told = b" ".join(name.encode() + b" " + value for name, value in items.items())
    return b"* STATUS %b (%b)" % (quoted(folder.name), told)


def create(session: Session, arguments: list[Value]) -> bytes:
    """With a special use where one is given (RFC 6154 §3); folders above are made as well (RFC 3501 §6.3.3)."""
    name = word(arguments[0])
    if session.store.separator:
        name = name.removesuffix(session.store.separator)
    if not name or any(octet in b"\r\n\0*%" for octet in name):
        raise No("[CANNOT] no such name")
    if session.store.find(name) is not None:
        raise No("[ALREADYEXISTS] it is there")
    made = session.quirk.create(session, name)
    if made is None:
        return b"done"
    uses = words(arguments[1][1]) if len(arguments) > 1 and isinstance(arguments[1], list) else []
    parts = made.split(session.store.separator) if session.store.separator else [made]
    for depth in range(1, len(parts)):
        above = (session.store.separator or b"").join(parts[:depth])
        if session.store.find(above) is None:
            session.store.create(above, subscribed=False)
    if session.store.find(made) is None:
        session.store.create(made, *uses, subscribed=False)
    return b"done"


def delete(session: Session, arguments: list[Value]) -> bytes:
    folder = existing(session, word(arguments[0]))
    if folder.name == b"INBOX":
        raise No("[CANNOT] INBOX stays")
    below = folder.name + (session.store.separator or b"\0\0")
    if any(name.startswith(below) for name in session.store.folders):
        raise No("[HASCHILDREN] there are folders below")
    del session.store.folders[folder.name]
    return b"done"


def rename(session: Session, arguments: list[Value]) -> bytes:
    folder, new = existing(session, word(arguments[0])), word(arguments[1])
    if session.store.find(new) is not None or folder.name == b"INBOX":
        raise No("[CANNOT] it can't be named so")
    old = folder.name
    for name in list(session.store.folders):
        if name == old or name.startswith(old + (session.store.separator or b"\0\0")):
            moved = session.store.folders.pop(name)
            moved.name = new + name[len(old) :]
            session.store.folders[moved.name] = moved
    return b"done"


def subscribe(session: Session, arguments: list[Value]) -> bytes:
    existing(session, word(arguments[0])).subscribed = True
    return b"done"


def unsubscribe(session: Session, arguments: list[Value]) -> bytes:
    existing(session, word(arguments[0])).subscribed = False
    return b"done"


HANDLERS: dict[str, Handler] = {
    "NAMESPACE": namespace,
    "LIST": list_,
    "LSUB": lsub,
    "STATUS": status,
    "CREATE": create,
    "DELETE": delete,
    "RENAME": rename,
    "SUBSCRIBE": subscribe,
    "UNSUBSCRIBE": unsubscribe,
}
