"""SORT: RFC 5256 §3, §4; RETURN, RFC 5267 §3.1"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bascule.mailbox.live import LiveRow
from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.commands.search import extended
from bascule.platform.imap.replies import Done
from bascule.platform.imap.searching import Rows, Searching, Steps, in_groups
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.search import parse_sort
from bascule.protocols.imap.subject import base_subject
from bascule.protocols.mime.headers import HeaderSummary

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    asked = parse_sort(Arguments(request))
    view = session.selected
    with Searching(session) as searching:
        rows = yield from searching.find(asked.search.key)
        needs_headers = {"DATE", "SUBJECT"} & {name for name, _ in asked.order}
        headers = (yield from searching.summaries(rows)) if needs_headers else {}
        for name, reverse in reversed(asked.order):  # a stable sort: the last key first
            compared = yield from _compared(searching, name, rows, headers)
            rows.sort(key=lambda row: compared[row.id], reverse=reverse)
    numbers = [row.uid if request.uid else view.number_of(row.uid) for row in rows]
    if asked.search.returns is None:
        yield b"* SORT" + b"".join(b" %d" % number for number in numbers) + b"\r\n"
    else:
        returns = asked.search.returns or frozenset({"ALL"})
        if "SAVE" in returns:
            view.saved = [row.uid for row in rows]
        yield extended(request, returns, [], numbers, None)
    return Done("SORT completed")


def _compared(searching: Searching, name: str, rows: Rows, headers: dict[int, HeaderSummary]) -> Steps[dict[int, Any]]:
    """Row id → what is compared."""
    key = yield from _key(searching, name, rows, headers)
    compared: dict[int, Any] = {}
    for group in in_groups(rows):
        yield from searching.go_on()
        compared.update((row.id, key(row)) for row in group)
    return compared


def _key(
    searching: Searching, name: str, rows: Rows, headers: dict[int, HeaderSummary]
) -> Steps[Callable[[LiveRow], Any]]:
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
            told = yield from searching.first_mailboxes(rows, name.lower())
            return lambda row: told.get(row.body, "").upper()


def _date(told: int | None, arrived: int) -> int:
    return arrived if told is None else told
