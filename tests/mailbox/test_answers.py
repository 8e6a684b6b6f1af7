"""Header fields that are kept are those of the message, whatever came and went meanwhile."""

from pathlib import Path

import pytest

from bascule.mailbox import check
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.mailbox.live.answers import ANSWER_OCTETS, LABEL_OCTETS, SECTIONS
from bascule.mailbox.live.purging import purge
from bascule.platform.housekeeping import PassedOver, tidy
from bascule.protocols.imap.section import header_fields
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate

NOW = 1_700_000_000
NAMES = (b"Subject", b"FROM")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "live.mailbox"
    with LiveMailbox.create(root, NOW) as box:
        bring(box, [b"From: a\r\nSubject: n%d\r\nTo: b\r\n\r\ntext\r\n" % number for number in range(5)])
    return root


def bring(box: LiveMailbox, mails: list[bytes]) -> None:
    box.messages.append(folder(box), [Arriving(HeldBody(mail), frozenset(), InternalDate(NOW)) for mail in mails])


def folder(box: LiveMailbox) -> int:
    found = box.folders.find(INBOX)
    assert found is not None
    return found.id


def bodies(box: LiveMailbox) -> list[int]:
    return [row.body for row in box.reading.rows(folder(box), 1, 2**31, limit=1000)]


def fields(box: LiveMailbox, names: tuple[bytes, ...], of: list[int]) -> dict[int, bytes]:
    """As FETCH finds and keeps them."""
    found = box.reading.answers.kept(names, of)
    made = {
        body: header_fields(names, box.reading.short_header(body) or box.reading.octets(body))
        for body in of
        if body not in found
    }
    box.reading.answers.keep(names, made)
    return found | made


def kept(box: LiveMailbox) -> int:
    count: int = box.mailbox.database.execute("SELECT count(*) FROM answers").fetchone()[0]
    return count


def test_what_is_kept_is_what_was_made(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        first = fields(box, NAMES, bodies(box))
    with LiveMailbox.open(place) as box:
        assert kept(box) == 5
        assert fields(box, (b"from", b"SUBJECT"), bodies(box)) == first
        assert kept(box) == 5
    assert sorted(first.values()) == [b"From: a\r\nSubject: n%d\r\n\r\n" % number for number in range(5)]
    assert check(place) == []


def test_what_is_purged_takes_its_fields_along_and_its_number_is_nobodys_after_it(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        before = bodies(box)
        fields(box, NAMES, before)
        rows = box.reading.rows(folder(box), 4, 5, limit=2)
        box.messages.expunge(folder(box), [row.id for row in rows], NOW)
        purge(box, NOW + 1)
        bring(box, [b"Subject: another\r\n\r\n"])
        assert before[3] not in [body for (body,) in box.mailbox.database.execute("SELECT body FROM answers")]
        new = bodies(box)[-1]
        assert new not in before
        assert fields(box, NAMES, [new]) == {new: b"Subject: another\r\n\r\n"}


def test_some_kinds_of_programs_are_remembered_and_the_first_makes_way(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        for number in range(SECTIONS + 2):
            fields(box, (b"X-%d" % number,), bodies(box))
        assert kept(box) == 5 * SECTIONS
        assert box.mailbox.database.execute("SELECT min(label), max(label) FROM sections").fetchone() == (
            b"X-2",
            b"X-5",
        )


def test_what_is_too_long_is_told_and_not_kept(place: Path) -> None:
    long = b"Subject: " + b"x" * ANSWER_OCTETS
    huge = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 900) for number in range(200)) + b"Subject: last"
    with LiveMailbox.open(place) as box:
        bring(box, [long + b"\r\n\r\ntext", huge + b"\r\n\r\n" + b"z" * 3_000_000])
        found = fields(box, (b"subject",), bodies(box)[-2:])
        assert list(found.values()) == [long + b"\r\n\r\n", b"Subject: last\r\n\r\n"]
        assert kept(box) == 1
        names = tuple(b"X%0200d" % number for number in range(LABEL_OCTETS // 200 + 1))
        assert set(fields(box, names, bodies(box)).values()) == {b"\r\n"}
        assert kept(box) == 1


def test_what_comes_is_prepared_for_programs_that_asked_before(place: Path) -> None:
    with LiveMailbox.open(place) as box:
        fields(box, NAMES, bodies(box)[:1])
    assert tidy(place, PassedOver(lambda *words, **values: None)) == 5
    with LiveMailbox.open(place) as box:
        assert kept(box) == 5
