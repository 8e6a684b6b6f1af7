"""SELECT and EXAMINE with CONDSTORE and QRESYNC (RFC 7162), what a client is told meanwhile, CLOSE, EXPUNGE, IDLE."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from support.quirks.folders import existing
from support.quirks.quirk import Codes
from support.quirks.signing_in import Handler
from support.quirks.store import Folder, Message
from support.quirks.syntax import Bad, No, Value, format_set, number_set, word

if TYPE_CHECKING:
    from support.quirks.server import Session

SYSTEM_FLAGS = b"\\Answered \\Flagged \\Deleted \\Seen \\Draft"


def opened(session: Session) -> Folder:
    """The selected folder. Raises Bad."""
    if session.selected is None:
        raise Bad("no folder is selected")
    return session.selected


def writable(session: Session) -> Folder:
    folder = opened(session)
    if session.read_only:
        raise No("[READ-ONLY] the folder was opened with EXAMINE")
    return folder


def look(session: Session, folder: Folder) -> list[Message]:
    """The messages as they are shown now."""
    return [message for message in folder.messages if session.quirk.is_shown(session, message)]


def select(session: Session, arguments: list[Value]) -> bytes:
    return _open(session, arguments, read_only=False)


def examine(session: Session, arguments: list[Value]) -> bytes:
    return _open(session, arguments, read_only=True)


def _open(session: Session, arguments: list[Value], *, read_only: bool) -> bytes:
    session.selected = None
    folder = existing(session, word(arguments[0]))
    if not folder.selectable:
        raise No("this is no folder of messages")
    session.selected, session.read_only = folder, read_only
    session.view = look(session, folder)
    session.known_flags = {message.uid: message.flags for message in session.view}
    keywords = sorted({name for m in folder.messages for name in m.flags if not name.startswith(b"\\")})
    session.lines.append(b"* FLAGS (%b)" % b" ".join([SYSTEM_FLAGS, *keywords]))
    session.lines.append(b"* %d EXISTS" % len(session.view))
    session.lines.append(b"* 0 RECENT")
    codes: Codes = {
        "PERMANENTFLAGS": b"()" if read_only else b"(%b \\*)" % b" ".join([SYSTEM_FLAGS, *keywords]),
        "UIDVALIDITY": b"%d" % folder.uidvalidity,
        "UIDNEXT": b"%d" % folder.uidnext,
    }
    if session.has("CONDSTORE"):
        codes["HIGHESTMODSEQ"] = b"%d" % folder.modseq
    for name, value in session.quirk.selected(session, folder, codes).items():
        session.lines.append(b"* OK [%b %b] told" % (name.encode(), value))
    if len(arguments) > 1:
        _resynchronise(session, folder, arguments[1])
    return b"[READ-ONLY] open" if read_only else b"[READ-WRITE] open"


def _resynchronise(session: Session, folder: Folder, parameters: Value) -> None:
    """RFC 7162 §3.2.5: what vanished and what changed since then."""
    if not isinstance(parameters, list):
        raise Bad("parameters are a list")
    for name, value in pairwise(parameters):
        if name == b"QRESYNC" and isinstance(value, list):
            if "QRESYNC" not in session.enabled:
                raise Bad("QRESYNC is not enabled")
            validity, modseq = (int(word(number)) for number in value[:2])
            if validity == folder.uidvalidity:
                gone = [uid for uid, when in folder.vanished if when > modseq]
                if gone:
                    session.lines.append(b"* VANISHED (EARLIER) " + format_set(gone))
                for place, message in enumerate(session.view, 1):
                    if message.modseq > modseq:
                        session.lines.append(changed_line(place, message))


def changed_line(place: int, message: Message) -> bytes:
    flags = b" ".join(sorted(message.flags))
    return b"* %d FETCH (UID %d FLAGS (%b) MODSEQ (%d))" % (place, message.uid, flags, message.modseq)


def refresh(session: Session) -> None:
    """Tell of what was expunged, arrived or was flagged since the last look. RFC 3501 §7.3, §7.4"""
    folder = opened(session)
    new = look(session, folder)
    there = {message.uid for message in new}
    gone = [message for message in session.view if message.uid not in there]
    if gone and "QRESYNC" in session.enabled:
        session.lines.append(b"* VANISHED " + format_set(message.uid for message in gone))
    elif gone:
        for message in gone:
            session.lines.append(b"* %d EXPUNGE" % (session.view.index(message) + 1))
            session.view.remove(message)
    before = {message.uid for message in session.view}
    if there - before:
        session.lines.append(b"* %d EXISTS" % len(new))
    for place, message in enumerate(new, 1):
        if session.known_flags.get(message.uid, message.flags) != message.flags:
            flags = b" ".join(sorted(message.flags))
            session.lines.append(b"* %d FETCH (UID %d FLAGS (%b))" % (place, message.uid, flags))
    session.view = new
    session.known_flags = {message.uid: message.flags for message in new}


def close(session: Session, arguments: list[Value]) -> bytes:
    """RFC 3501 §6.4.2: what is marked goes without a word."""
    folder = opened(session)
    if not session.read_only:
        folder.remove([message for message in folder.messages if b"\\Deleted" in message.flags])
    session.selected = None
    return b"done"


def unselect(session: Session, arguments: list[Value]) -> bytes:
    opened(session)
    session.selected = None
    return b"done"


def expunge(session: Session, arguments: list[Value]) -> bytes:
    folder = writable(session)
    folder.remove([message for message in folder.messages if b"\\Deleted" in message.flags])
    return b"done"


def uid_expunge(session: Session, arguments: list[Value]) -> bytes:
    """RFC 4315 §2.1"""
    folder = writable(session)
    if not session.has("UIDPLUS"):
        raise Bad("UIDPLUS is not offered")
    chosen = number_set(word(arguments[0]), [message.uid for message in folder.messages])
    folder.remove([m for m in folder.messages if m.uid in chosen and b"\\Deleted" in m.flags])
    return b"done"


def idle(session: Session, arguments: list[Value]) -> bytes:
    """RFC 2177. What happens meanwhile is told at its end."""
    line = session.ask(b"+ idling\r\n")
    if line.upper() != b"DONE":
        raise Bad("only DONE ends it")
    return b"done"


HANDLERS: dict[str, Handler] = {
    "SELECT": select,
    "EXAMINE": examine,
    "CHECK": lambda session, arguments: b"done",
    "CLOSE": close,
    "UNSELECT": unselect,
    "EXPUNGE": expunge,
    "UID EXPUNGE": uid_expunge,
    "IDLE": idle,
}
