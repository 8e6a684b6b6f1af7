"""SEARCH: RFC 9051 §6.4.4; ESEARCH, RFC 4731; SEARCHRES, RFC 5182; MODSEQ in replies, RFC 7162 §3.1.5, §3.1.10"""

from typing import TYPE_CHECKING

from bascule.mailbox.live import LiveRow
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.platform.imap.searching import Searching
from bascule.protocols.imap.answers import string
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.search import parse_search_request
from bascule.protocols.imap.search import And, Key, ModifiedSince, Not, Or
from bascule.protocols.imap.sequence import format_set

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    view = session.selected
    try:
        asked = parse_search_request(Arguments(request))
        with Searching(session) as searching:
            rows = yield from searching.find(asked.key)
        numbers = [row.uid if request.uid else view.number_of(row.uid) for row in rows]
    except Exception:
        view.saved = []  # RFC 5182 §2.1: after a NO or BAD, $ is empty
        raise
    modseq = None
    if _asks_modseq(asked.key):
        yield from session.enable_condstore()
        modseq = max((row.modseq for row in _counted(asked.returns, rows)), default=None)
    if asked.returns is None and not session.rev2:
        tail = b" (MODSEQ %d)" % modseq if modseq is not None else b""
        yield b"* SEARCH" + b"".join(b" %d" % number for number in numbers) + tail + b"\r\n"
        return Done("SEARCH completed")
    returns = asked.returns or frozenset({"ALL"})
    if "SAVE" in returns:
        view.saved = sorted({row.uid for row in _counted(returns, rows)})
    if returns != {"SAVE"}:
        yield extended(request, returns, numbers, numbers, modseq)
    return Done("SEARCH completed")


def _counted(returns: frozenset[str] | None, rows: list[LiveRow]) -> list[LiveRow]:
    """With MIN or MAX alone only those: what is saved (RFC 5182 §2.1), and whose MODSEQ is told (RFC 4731 §3.2)."""
    if not rows or not returns or not returns & {"MIN", "MAX"} or returns & {"ALL", "COUNT"}:
        return rows
    return [*(rows[:1] if "MIN" in returns else []), *(rows[-1:] if "MAX" in returns else [])]


def extended(
    request: Request, returns: frozenset[str], numbers: list[int], ordered: list[int], modseq: int | None
) -> bytes:
    """``ordered``: as ALL gives them; ``numbers``: the same, ascending where the order means nothing."""
    out = [b"* ESEARCH (TAG %b)" % string(request.tag)]
    if request.uid:
        out.append(b"UID")
    if ordered and "MIN" in returns:
        out.append(b"MIN %d" % ordered[0])
    if ordered and "MAX" in returns:
        out.append(b"MAX %d" % ordered[-1])
    if ordered and "ALL" in returns:
        out.append(b"ALL " + (format_set(numbers) if ordered is numbers else b",".join(b"%d" % n for n in ordered)))
    if "COUNT" in returns:
        out.append(b"COUNT %d" % len(ordered))
    if modseq is not None and ordered:
        out.append(b"MODSEQ %d" % modseq)
    return b" ".join(out) + b"\r\n"


def _asks_modseq(key: Key) -> bool:
    match key:
        case ModifiedSince():
            return True
        case And(parts):
            return any(map(_asks_modseq, parts))
        case Or(one, other):
            return _asks_modseq(one) or _asks_modseq(other)
        case Not(inner):
            return _asks_modseq(inner)
    return False
