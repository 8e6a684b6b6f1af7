from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bascule.platform.accounts import words

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("instant", "french", "english"),
    [
        (datetime(2027, 4, 27, 9, 0, tzinfo=PARIS), "mardi 27 avril 2027 a 9 h 00", "Tuesday 27 April 2027 at 09:00 (CEST)"),
        (datetime(2027, 8, 1, 14, 5, tzinfo=PARIS), "dimanche 1er aout 2027 a 14 h 05", "Sunday 01 August 2027 at 14:05 (CEST)"),
        (datetime(2027, 12, 31, 0, 0, tzinfo=PARIS), "vendredi 31 decembre 2027 a 0 h 00", "Friday 31 December 2027 at 00:00 (CET)"),
    ],
)  # fmt: skip
def test_the_date_is_said_in_both_languages(instant: datetime, french: str, english: str) -> None:
    for said in (words.not_yet(instant), words.moved(instant)):
        assert french in said
        assert english in said


def test_every_refusal_is_one_line_that_protocols_can_carry() -> None:
    instant = datetime(2027, 9, 29, 23, 59, tzinfo=PARIS)
    for said in (words.WRONG, words.TOO_MANY, words.LOCKED, words.CLOSED, words.not_yet(instant), words.moved(instant)):
        assert said.isascii()
        assert said.isprintable()
        assert len(said) < 500, "RFC 5321 §4.5.3.1.5: a reply line has 512 octets at most"
        assert " / " in said
