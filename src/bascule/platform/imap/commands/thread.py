"""THREAD: RFC 5256 §3, §4"""

from typing import TYPE_CHECKING

from bascule.platform.imap.commands.command import Answer
from bascule.platform.imap.replies import Done
from bascule.platform.imap.searching import Searching, in_groups
from bascule.protocols.imap.requests import Arguments, Request
from bascule.protocols.imap.requests.search import parse_thread
from bascule.protocols.imap.threading import Threaded, by_references, by_subject
from bascule.protocols.mime.headers import HeaderSummary

if TYPE_CHECKING:
    from bascule.platform.imap.session import Session


def run(session: "Session", request: Request) -> Answer:
    asked = parse_thread(Arguments(request))
    view = session.selected
    none = HeaderSummary()
    with Searching(session) as searching:
        rows = yield from searching.find(asked.key)
        headers = yield from searching.summaries(rows)
        messages: list[Threaded] = []
        for group in in_groups(rows):
            yield from searching.go_on()
            for row in group:
                header = headers.get(row.id, none)
                date = row.date_utc if header.date_utc is None else header.date_utc
                number = row.uid if request.uid else view.number_of(row.uid)
                messages.append(
                    Threaded(number, date, header.subject, header.message_id, header.references, header.in_reply_to)
                )
        threads = by_references(messages) if asked.algorithm == "REFERENCES" else by_subject(messages)
    yield b"* THREAD" + (b" " + threads if threads else b"") + b"\r\n"
    return Done("THREAD completed")
