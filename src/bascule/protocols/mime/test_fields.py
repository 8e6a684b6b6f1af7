"""Header fields by table, and any octets without an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.mime.fields import (
    GROUP_END,
    Address,
    fields_of,
    parse_addresses,
    parse_parameters,
    scan_addresses,
    scan_parameters,
)


def test_fields_are_unfolded_and_what_is_no_field_is_passed_over() -> None:
    header = b"Subject: one\r\n two\r\nnot a field\r\nX-Empty:\r\nTO : a@b.c\r\n"
    assert fields_of(header) == [(b"subject", b"one two"), (b"x-empty", b""), (b"to", b"a@b.c")]


@pytest.mark.parametrize(
    ("value", "main", "parameters"),
    [
        (b"text/plain", b"text/plain", ()),
        (b"Text/HTML; Charset=\"utf-8\"; format=flowed", b"Text/HTML", ((b"charset", b"utf-8"), (b"format", b"flowed"))),
        (b'a/b; name="x;y\\"z" (note); n=1', b"a/b", ((b"name", b'x;y"z'), (b"n", b"1"))),
        (b"a / b ;; ; x", b"a/b", ()),
        (b"a/b; f*1=cd; f*0=ab", b"a/b", ((b"f", b"abcd"),)),
        (b"a/b; f*0*=utf-8''%c3; f*1=a9", b"a/b", ((b"f*", b"utf-8''%c3a9"),)),
        (b"a/b; boundary==_x/1", b"a/b", ((b"boundary", b"=_x/1"),)),
        (b"", b"", ()),
    ],
)  # fmt: skip
def test_parameters(value: bytes, main: bytes, parameters: tuple[tuple[bytes, bytes], ...]) -> None:
    assert parse_parameters(value) == (main, parameters)


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        (b"a@b.c", [Address(None, None, b"a", b"b.c")]),
        (b"Anna B. Sea <anna.b@c.d>", [Address(b"Anna B. Sea", None, b"anna.b", b"c.d")]),
        (b'"Sea, Anna" <a@b.c>, d@e.f', [Address(b"Sea, Anna", None, b"a", b"b.c"), Address(None, None, b"d", b"e.f")]),
        (b"a@b.c (Anna (the first))", [Address(b"Anna (the first)", None, b"a", b"b.c")]),
        (b"A Group: a@b.c, Bob <d@e.f>;, x@y.z", [
            Address(None, None, b"A Group", None), Address(None, None, b"a", b"b.c"), Address(b"Bob", None, b"d", b"e.f"),
            GROUP_END, Address(None, None, b"x", b"y.z"),
        ]),
        (b"undisclosed-recipients:;", [Address(None, None, b"undisclosed-recipients", None), GROUP_END]),
        (b"<@one,@two:a@b.c>", [Address(None, b"@one,@two", b"a", b"b.c")]),
        (b"a@[127.0.0.1]", [Address(None, None, b"a", b"[127.0.0.1]")]),
        (b"nobody", [Address(None, None, b"nobody", b"")]),
        (b"<>", [Address(None, None, b"", b"")]),
        (b"", []),
    ],
)  # fmt: skip
def test_addresses(value: bytes, addresses: list[Address]) -> None:
    assert parse_addresses(value) == addresses


@given(st.text(alphabet='a.@<>,:;"\\()[] \t=*0/é', max_size=60))
def test_any_text_has_addresses_and_parameters(text: str) -> None:
    value = text.encode()
    groups = [address for address in parse_addresses(value) if address.host is None]
    assert len([address for address in groups if address == GROUP_END]) * 2 == len(groups)
    main, parameters = parse_parameters(value)
    assert isinstance(main, bytes)
    assert all(name == name.lower() for name, _ in parameters)


_PIECES = st.sampled_from(
    [b"Anna", b"Martin", b"a.b", b"a@b.c", b"<a@b.c>", b'"Doe, J."', b"<", b">", b"@", b",", b";", b":", b".", b" ", b"\t", b"(c)", b'"', b"\\", b"[1]", b"\xc3\xa9", b"x"]
)  # fmt: skip


@given(
    st.lists(
        st.sampled_from(
            [
                b"text",
                b"/",
                b"plain",
                b";",
                b" ",
                b"\t",
                b"name",
                b"=",
                b'"x;y"',
                b'"',
                b"\\",
                b"(c)",
                b"a*0",
                b"a*1",
                b"*",
                b"x.y",
                b"\xc3\xa9",
                b"@",
                b"?",
            ]
        ),
        max_size=14,
    ).map(b"".join)
)
def test_parameters_are_the_same_by_either_way(value: bytes) -> None:
    assert parse_parameters(b"text/plain" + value) == scan_parameters(b"text/plain" + value)
    assert parse_parameters(value) == scan_parameters(value)


@given(st.lists(_PIECES, max_size=12).map(b"".join))
def test_the_short_way_and_the_long_way_say_the_same(value: bytes) -> None:
    assert parse_addresses(value) == scan_addresses(value)
