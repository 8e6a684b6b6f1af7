"""Bodies that are read at once are those that are read one by one."""

import sqlite3
from pathlib import Path

from bascule.mailbox.bodies import PART_OCTETS
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.mailbox.live.reading import HEADER_OCTETS
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate

NOW = 1_700_000_000
LARGE = b"Subject: large\r\n\r\n" + b"x" * PART_OCTETS
LONG_HEADER = b"Subject: long\r\nX: " + b"y" * HEADER_OCTETS + b"\r\n\r\nz\r\n"


def filled(root: Path) -> LiveMailbox:
    """Some segments, each of a few bodies."""
    box = LiveMailbox.create(root, NOW, segment_octets=20_000)
    inbox = box.folders.find(INBOX)
    assert inbox is not None
    for number in range(12):
        mails = [b"Subject: %d\r\n\r\n%b" % (each, b"%d " % each * 900) for each in range(number * 5, number * 5 + 5)]
        if number == 6:
            mails += [LARGE, LONG_HEADER]
        box.messages.append(inbox.id, [Arriving(HeldBody(mail), frozenset(), InternalDate(NOW)) for mail in mails])
    return box


def test_what_is_read_at_once_is_what_is_there(tmp_path: Path) -> None:
    with filled(tmp_path / "m") as box:
        bodies = [body for (body,) in box.mailbox.database.execute("SELECT id FROM bodies ORDER BY id")]
        assert box.mailbox.database.execute("SELECT count(DISTINCT segment) FROM bodies").fetchone()[0] >= 2
        for some in (bodies, bodies[::3], bodies[::-1], bodies[4:5], [999_999], []):
            one_by_one = {body: box.reading.octets(body) for body in some if body != 999_999}
            at_once = box.reading.many_octets(some)
            assert at_once == {body: octets for body, octets in one_by_one.items() if octets != LARGE}
            headers = box.reading.short_headers(some)
            assert headers == {
                body: octets for body, octets in one_by_one.items() if octets not in (LARGE, LONG_HEADER)
            }


def test_those_beside_a_damaged_one_are_read(tmp_path: Path) -> None:
    with filled(tmp_path / "m") as box:
        bodies = [
            body for (body,) in box.mailbox.database.execute("SELECT id FROM bodies WHERE octets < 10000 ORDER BY id")
        ]
        segment, place = box.mailbox.database.execute(
            "SELECT segment, place FROM bodies WHERE id = ?", (bodies[2],)
        ).fetchone()
        with sqlite3.connect(tmp_path / f"m/bodies-{segment:04d}.sqlite") as file:
            file.execute("UPDATE bodies SET data = x'00' WHERE id = ?", (place,))
        last = max(tmp_path.glob("m/bodies-*.sqlite"))
        for part in tmp_path.glob(f"m/{last.name}*"):
            part.unlink()
        lost = {
            body
            for (body,) in box.mailbox.database.execute(
                "SELECT id FROM bodies WHERE segment = ?", (int(last.stem[7:]),)
            )
        }
    with LiveMailbox.open(tmp_path / "m") as box:
        assert set(box.reading.many_octets(bodies)) == set(bodies) - {bodies[2]} - lost
