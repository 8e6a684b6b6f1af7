import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.imap.responses import Condition, parse_response
from bascule.wire.imap.redaction import INSTEAD, Redaction


@pytest.mark.parametrize(
    ("secret", "words", "clean"),
    [
        ("tiger7", "no: LOGIN anna tiger7", "no: LOGIN anna ***"),
        ("tiger7", "no: LOGIN ANNA TIGER7", "no: LOGIN ANNA ***"),
        ('ti"ger\\', 'no: LOGIN anna "ti\\"ger\\\\"', 'no: LOGIN anna "***"'),
        ("pass é", "no: LOGIN anna pass Ã©", "no: LOGIN anna ***"),
        ("abc", "no abc, no abcdef", "no ***, no abcdef"),
        ("", "no", "no"),
        ("half \ud800", "no half", "no half"),
    ],
)
def test_the_secret_is_not_told(secret: str, words: str, clean: str) -> None:
    assert Redaction(secret).clean(words) == clean


@given(st.text("abcdefgh é\x01", min_size=4, max_size=40), st.binary(max_size=9), st.binary(max_size=9))
def test_nothing_of_it_stands_in_base64_whatever_is_around_it(secret: str, before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    clean = Redaction(secret).clean(f"unknown command: {encoded}")
    assert INSTEAD in clean
    told = clean.removeprefix("unknown command: ").partition(INSTEAD)
    assert base64.b64decode(told[0] + "A" * (-len(told[0]) % 4)).startswith(before[: len(told[0]) * 3 // 4])
    assert len(told[0]) * 3 // 4 <= len(before)


def test_a_code_that_is_the_secret_is_not_told_and_others_stay() -> None:
    redaction = Redaction("tiger7")
    refused, kept = parse_response([b"b1 NO [tiger7] no"]), parse_response([b"b1 NO [OVERQUOTA] tiger7"])
    assert isinstance(refused, Condition)
    assert isinstance(kept, Condition)
    assert redaction.clean_condition(refused).reason == "no"
    assert redaction.clean_condition(kept).reason == "[OVERQUOTA] ***"


def test_the_numbers_of_a_code_are_what_they_are() -> None:
    told = parse_response([b"b1 OK [APPENDUID 7 1234] done 1234"])
    assert isinstance(told, Condition)
    clean = Redaction("1234").clean_condition(told)
    assert clean.code == told.code
    assert clean.text == "done ***"
