"""The writer of responses, read back by a parser that shares nothing with it."""

import re

import pytest

from bascule.protocols.imap import LocalError
from bascule.protocols.imap.answers import condition, flag_names, nstring, string
from bascule.protocols.imap.describe import body_structure, envelope
from bascule.protocols.mime.structure import parse_structure
from support.hostile import HOSTILE, Reader


def value_of(written: bytes, *, utf8: bool = False) -> object:
    reader = Reader(written, utf8=utf8)
    value = reader.value()
    assert reader.is_at_end, written
    return value


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("utf8", [False, True])
def test_a_string_is_one_whatever_is_in_it(value: bytes, utf8: bool) -> None:
    assert value_of(string(value, utf8=utf8), utf8=utf8) == value.replace(b"\0", b"")
    assert nstring(None) == b"NIL"


@pytest.mark.parametrize("value", HOSTILE)
def test_a_condition_is_one_line_and_no_code_of_ours(value: bytes) -> None:
    line = condition(b"t1", b"NO", value.decode("latin-1"))
    assert re.fullmatch(rb"t1 NO [^\x00-\x1f\x7f-\xff\[][^\x00-\x1f\x7f-\xff]*\r\n", line)


@pytest.mark.parametrize("code", [b"X]", b"A\r\nB", b"alert", b"A ]", b"A \xe9"])
def test_a_code_that_would_not_end_is_a_bug_of_ours(code: bytes) -> None:
    with pytest.raises(LocalError):
        condition(b"*", b"OK", "x", code)
    assert condition(b"*", b"OK", "x", b"APPENDUID 7 1:3") == b"* OK [APPENDUID 7 1:3] x\r\n"


def test_flags_that_are_none_are_not_told() -> None:
    told = flag_names(["\\Seen", "\\*", "$Forwarded", *(value.decode("latin-1") for value in HOSTILE), "\\Foo", "été"])
    assert told.split(b" ") == [b"\\Seen", b"\\*", b"$Forwarded", b"a", b"NIL", b"["]


@pytest.mark.parametrize("value", [value for value in HOSTILE if b"\n" not in value])
def test_a_mails_description_has_its_members_whatever_is_in_them(value: bytes) -> None:
    message = (
        b"Subject: x%bx\r\nFrom: %b <a@b.c>\r\nIn-Reply-To: %b\r\nMessage-ID: <%b>\r\nContent-Description: %b\r\n"
        b'Content-Type: text/plain; name="%b"\r\nContent-Disposition: attachment; filename=%b\r\n\r\nx\r\n'
    ) % ((value,) * 7)
    part = parse_structure(message)
    told = value_of(envelope(part))
    assert isinstance(told, list)
    assert len(told) == 10
    assert told[1] == b"x" + value.replace(b"\0", b"") + b"x"
    structure = value_of(body_structure(part))
    assert isinstance(structure, list)
    assert structure[:2] == [b"text", b"plain"]
