"""The trace goes on whatever it is told, and never takes more memory than it may."""

import contextlib
import sqlite3
from pathlib import Path

from bascule.platform.trace import ROWS_WAITING, Event, Trace, search


class Told(list[tuple[str, dict[str, object]]]):
    def __call__(self, event: str, **fields: object) -> None:
        self.append((event, fields))

    def rows(self, wanted: str) -> int:
        return sum(int(str(fields["rows"])) for event, fields in self if event == wanted)


def test_what_is_no_text_stops_no_later_row(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace.sqlite")
    trace.note(Event.BOUNCED, "1", recipient="a@b", subject="half\ud83d", detail="550 bo\udceete inconnue")
    trace.close()
    trace.note(Event.SENT, "2", recipient="a@b")
    trace.close()
    first, second = search(tmp_path / "trace.sqlite")
    assert (first.event, first.subject, first.detail) == ("bounced", "half?", "550 bo?te inconnue")
    assert second.event == "sent"


def test_rows_that_can_not_be_written_stop_no_later_row(tmp_path: Path) -> None:
    told = Told()
    path = tmp_path / "trace.sqlite"
    trace = Trace(path, log=told)
    path.mkdir()  # it can't be opened
    trace.note(Event.REFUSED, "before")
    trace.close()
    assert told.rows("trace-not-written") == 1
    path.rmdir()
    trace.note(Event.SENT, "after")
    trace.close()
    assert [row.message for row in search(path)] == ["after"]


def test_what_the_disk_is_too_slow_for_is_dropped_and_counted(tmp_path: Path) -> None:
    told = Told()
    path = tmp_path / "trace.sqlite"
    trace = Trace(path, log=told)
    trace.note(Event.SENT, "first")
    trace.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as slow:
        slow.execute("BEGIN IMMEDIATE")  # the thread has one group in hand, and waits
        for number in range(2 * ROWS_WAITING + 10):
            trace.note(Event.REFUSED, str(number))
        slow.execute("COMMIT")
        trace.close()
        (written,) = slow.execute("SELECT count(*) FROM events").fetchone()
    assert told.rows("trace-rows-dropped") >= 10
    assert told.rows("trace-rows-dropped") + written == 2 * ROWS_WAITING + 11
