"""SORT: RFC 5256 §3, §4; RETURN, RFC 5267 §3.1"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bascule.mailbox.live import LiveRow
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.search import extended
from bascule.platform.imap.replies import Done
from bascule.platform.imap.searching import find, first_mailboxes
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.search import parse_sort
from bascule.protocols.imap.subject import base_subject
from bascule.protocols.mime.headers import HeaderSummary

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    asked = parse_sort(Arguments(request))
    view = session.selected
    rows = find(session, asked.search.key)
    with session.lock:
        needs_headers = {"DATE", "SUBJECT"} & {name for name, _ in asked.order}
        headers = session.box.reading.headers(view.folder) if needs_headers else {}
    for name, reverse in reversed(asked.order):  # a stable sort: the last key first
        rows.sort(key=_key(session, name, rows, headers), reverse=reverse)
    numbers = [row.uid if request.uid else view.number_of(row.uid) for row in rows]
    if asked.search.returns is None:
        yield b"* SORT" + b"".join(b" %d" % number for number in numbers) + b"\r\n"
    else:
        returns = asked.search.returns or frozenset({"ALL"})
        if "SAVE" in returns:
            view.saved = [row.uid for row in rows]
        yield extended(request, returns, [], numbers, None)
    return Done("SORT completed")


def _key(
    session: "Session", name: str, rows: list[LiveRow], headers: dict[int, HeaderSummary]
) -> Callable[[LiveRow], Any]:
    none = HeaderSummary()
    match name:
        case "ARRIVAL":
            return lambda row: row.date_utc
        case "SIZE":
            return lambda row: row.octets
        case "DATE":  # RFC 5256 §3: the Date field, or the arrival without one
            return lambda row: _date(headers.get(row.id, none).date_utc, row.date_utc)
        case "SUBJECT":
            return lambda row: base_subject(headers.get(row.id, none).subject)[0]
        case _:
            told = first_mailboxes(session, rows, name.lower())
            return lambda row: told.get(row.body, "").upper()


def _date(told: int | None, arrived: int) -> int:
    return arrived if told is None else told
