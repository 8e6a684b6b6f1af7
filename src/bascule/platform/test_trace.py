"""The trace goes on whatever it is told, and never takes more memory than it may."""

import sqlite3
from pathlib import Path

from bascule.platform.trace import ROWS_WAITING, Event, Trace, search


def test_what_is_no_text_stops_no_later_row(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace.sqlite")
    trace.note(Event.BOUNCED, "1", recipient="a@b", subject="half\ud83d", detail="550 bo\udceete inconnue")
    trace.close()
    trace.note(Event.SENT, "2", recipient="a@b")
    trace.close()
    first, second = search(tmp_path / "trace.sqlite")
    assert (first.event, first.subject, first.detail) == ("bounced", "half?", "550 bo?te inconnue")
    assert second.event == "sent"


def test_rows_that_can_not_be_written_take_no_memory_for_ever_and_are_counted(tmp_path: Path) -> None:
    told: list[tuple[str, dict[str, object]]] = []
    path = tmp_path / "trace.sqlite"
    trace = Trace(path, log=lambda event, **fields: told.append((event, fields)))
    path.mkdir()  # it can't be opened
    for number in range(ROWS_WAITING + 10):
        trace.note(Event.REFUSED, str(number))
    trace.close()
    lost = sum(
        int(str(fields["rows"])) for event, fields in told if event in ("trace-not-written", "trace-rows-dropped")
    )
    assert lost == ROWS_WAITING + 10
    assert any(event == "trace-rows-dropped" for event, _ in told)
    path.rmdir()
    trace.note(Event.SENT, "after")
    trace.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT message FROM events").fetchall() == [("after",)]
