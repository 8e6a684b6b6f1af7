"""The writer of commands, read back by a parser that shares nothing with it: one command, with the values that went in, or LocalError."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.imap import LocalError
from bascule.protocols.imap.append import format_message_head
from bascule.protocols.imap.commands import (
    WAIT,
    Argument,
    Command,
    LiteralRule,
    astring,
    atom,
    changed_since,
    command,
    encoded,
    flag_list,
    from_uid,
    group,
    items,
    literal,
    mailbox,
    number,
    sequence_set,
    special_use,
    string,
    uid_key,
)
from bascule.protocols.imap.dates import writable_date
from bascule.protocols.imap.flags import format_flags, writable_flags
from bascule.protocols.imap.limits import FLAGS_OCTETS, KEYWORD_OCTETS
from bascule.protocols.imap.names import encode_name
from bascule.terms.flags import normalise_flags
from bascule.terms.folder import SpecialUse
from bascule.terms.instant import InternalDate
from support.hostile import HOSTILE, Reader


def read(made: Command) -> list[object]:
    """The one command in ``made``, its literals given leave; and none more when the server gives none."""
    octets = b"".join(segment for segment in made.segments if isinstance(segment, bytes))
    (read_back,) = Reader(b"t1 " + octets + b"\r\n").commands()
    for before, after in zip(made.segments, made.segments[1:], strict=False):
        # Whatever the server makes of the line: what follows a ``{`` of ours is not sent before it said ``+``.
        assert (before is WAIT) != (after is WAIT)
    assert isinstance(made.segments[0], bytes)
    assert made.segments[0].count(b"\n") == (WAIT in made.segments)
    return read_back


@pytest.mark.parametrize("write", [astring, mailbox, lambda value: mailbox(value, utf8=True), literal, string])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_arrives_as_it_is_or_is_refused(write: Callable[[bytes], Argument], value: bytes) -> None:
    try:
        argument = write(value)
    except LocalError:
        assert b"\0" in value or write is string
        return
    assert read(command(b"LOGIN", argument, atom(b"x"))) == [b"LOGIN", value, b"x"]


@given(st.binary(max_size=40).filter(lambda value: b"\0" not in value), st.booleans())
def test_any_value_without_nul_arrives(value: bytes, utf8: bool) -> None:
    made = command(b"RENAME", mailbox(value, utf8=utf8), astring(value))
    assert read(made) == [b"RENAME", value, value]


@pytest.mark.parametrize("value", [*HOSTILE, b"UID SEARCH X", b"uid", b"NO OP OP", b"NOOP\r\n"])
@pytest.mark.parametrize("write", [lambda value: command(value), atom, items])
def test_a_word_of_the_protocol_is_one_or_is_refused(write: Callable[[bytes], object], value: bytes) -> None:
    try:
        made = write(value)
    except LocalError:
        return
    assert re.fullmatch(rb"[!-~]+", value), value
    assert not set(value) & set(b'(){%*"\\]')
    assert made


@pytest.mark.parametrize(
    "value", [value.decode("latin-1") for value in HOSTILE] + ["\\Foo", "\\*", "\\Recent", "\\", "é"]
)
def test_a_flag_is_written_or_told(value: str) -> None:
    flags = normalise_flags([value, "\\Seen", "$Forwarded"])
    kept, rest = writable_flags(flags)
    assert kept | rest == flags
    assert {"\\Seen", "$Forwarded"} <= kept
    read_back = read(command(b"UID STORE", sequence_set([1]), atom(b"FLAGS.SILENT"), flag_list(kept)))
    assert {name.decode() for name in read_back[3]} == kept  # type: ignore[attr-defined]
    if rest:
        with pytest.raises(LocalError):
            flag_list(flags)
    head = format_message_head(kept, InternalDate(0), 3, nonsync=True)
    read_head = Reader(b"t1 APPEND x" + head + b"abc\r\n").commands()
    assert [len(values) for values in read_head] == [5]


def test_which_flags_are_written() -> None:
    written = ["$Forwarded", "NonJunk", "\\Seen", "[x", "a.b:c/d", "NIL", "k" * KEYWORD_OCTETS]
    left_out = ["a]", "été", "\\Foo", "\\*", "k" * (KEYWORD_OCTETS + 1), "two\\x20words", "a\\b", "\x7f"]
    assert writable_flags(frozenset(written + left_out)) == (frozenset(written), frozenset(left_out))


def test_flags_that_would_fill_more_than_a_line_are_told() -> None:
    flags = frozenset(f"{number:04}{'k' * 100}" for number in range(100))
    kept, rest = writable_flags(flags)
    assert len(format_flags(kept)) < FLAGS_OCTETS
    assert max(kept) < min(rest)


@pytest.mark.parametrize("seconds", [-(10**18), -62_135_596_801, -1, 0, 2**31, 253_402_300_800, 10**18])
@pytest.mark.parametrize("zone", [-(10**6), -24 * 60, -1439, 0, 1439, 24 * 60])
def test_a_date_that_no_date_time_can_hold_is_not_written(seconds: int, zone: int) -> None:
    date = InternalDate(seconds, zone)
    nearest = writable_date(date)
    head = format_message_head(frozenset(), nearest, 0, nonsync=False)
    assert re.fullmatch(rb' \(\) "\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [+-]\d{4}" \{0\}\r\n', head)
    if nearest != date:
        with pytest.raises(LocalError):
            format_message_head(frozenset(), date, 0, nonsync=False)


@pytest.mark.parametrize("numbers", [[], [0], [-1], [2**32], [1, 2**40]])
def test_a_set_has_numbers_that_a_message_can_have(numbers: list[int]) -> None:
    with pytest.raises(LocalError):
        sequence_set(numbers)


def test_the_largest_numbers() -> None:
    assert from_uid(2**32) == from_uid(2**32 - 1)
    for write, value in ((from_uid, 0), (number, -1), (number, 2**63)):
        with pytest.raises(LocalError):
            write(value)


def test_our_own_words_in_their_forms() -> None:
    made = command(b"UID FETCH", sequence_set([3, 1, 2]), items(b"UID", b"BODY.PEEK[]"), changed_since(2**63 - 1))
    assert made.segments == (b"UID FETCH 1:3 (UID BODY.PEEK[]) (CHANGEDSINCE 9223372036854775807)",)
    assert (
        command(b"CREATE", astring(b"x y"), group(atom(b"USE"), group(special_use(SpecialUse.SENT)))).line
        == b'CREATE "x y" (USE (\\Sent))'
    )
    assert command(b"UID SEARCH", uid_key(from_uid(7))).line == b"UID SEARCH UID 7:*"
    assert (
        command(b"AUTHENTICATE", atom(b"PLAIN"), encoded(b"\0a\0b"), encoded(b"")).line
        == b"AUTHENTICATE PLAIN AGEAYg== ="
    )


def test_a_messages_literal_may_follow_unasked_as_the_server_offers() -> None:
    plus, minus = (LiteralRule.from_capabilities(frozenset({name})) for name in ("LITERAL+", "LITERAL-"))
    assert plus.allows(10**9)
    assert minus.allows(4096)
    assert not minus.allows(4097)
    assert not LiteralRule.from_capabilities(frozenset()).allows(0)


@given(st.text(st.characters(), max_size=20), st.booleans())
def test_any_folders_name_is_written_or_can_not_be(name: str, utf8: bool) -> None:
    try:
        made = command(b"CREATE", mailbox(encode_name(name, utf8=utf8), utf8=utf8))
    except LocalError:
        assert utf8
        assert "\0" in name or any("\ud800" <= character <= "\udfff" for character in name)
    else:
        assert read(made) == [b"CREATE", encode_name(name, utf8=utf8)]
