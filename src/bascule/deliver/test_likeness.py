"""A message is known again after what servers are known to do to it, and after nothing else."""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.deliver.likeness import likeness, likeness_of
from bascule.deliver.limits import LIKENESS_OCTETS
from bascule.terms.body import HeldBody, SpooledBody

HEADER = b"Subject: a\r\n\r\n"
MUNGED = bytes.maketrans(bytes(range(128, 256)), b"X" * 128)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (HEADER + b"one\0two\r\n", HEADER + b"one\x80two\r\n"),
        (b"Subject: a\0b\r\n\r\n", b"Subject: a\x80b\r\n\r\n"),
        (b"Subject: a\0b\r\n\r\n", b"Subject: aXb\r\n\r\n"),
        (HEADER + b"one\r\r\ntwo", HEADER + b"one\r\ntwo"),
        (HEADER + b"one\r\r\r\ntwo", HEADER + b"one\r\ntwo"),
        (HEADER + b"one\rtwo\r\n", HEADER + b"one\r\ntwo\r\n"),
        (HEADER + b"one\ntwo\n", HEADER + b"one\r\ntwo\r\n"),
        (HEADER + b"one\r\n\r", HEADER + b"one\r\n"),
        (b"Subject: caf\xc3\xa9\r\n\r\nb", b"Subject: cafXX\r\n\r\nb"),
        (b"Subject: caf\xe9\r\n", b"Subject: cafX\r\n"),
        (b"\r", b""),
        (b"\r\r\r", b""),
        (HEADER + b"one", HEADER + b"one\r\n"),
        (HEADER, HEADER + b"\r\n"),
        (b"Subject: a", b"Subject: a\r\n\r\n"),
        (b"\0", b"\x80"),
        (b"", b"\r\n"),
    ],
)
def test_what_servers_are_known_to_do_leaves_the_likeness(sent: bytes, kept: bytes) -> None:
    assert likeness(sent) == likeness(kept)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (HEADER + b"caf\xe9", HEADER + b"cafX"),
        (HEADER + b"caf\xe9", HEADER + b"caf\xe8"),
        (HEADER + b"caf\xc3\xa9", HEADER + b"cafe\xcc\x81"),
        (HEADER + b"one\0", HEADER + b"one"),
        (HEADER + b"one", HEADER + b"One"),
        (HEADER + b"one ", HEADER + b"one"),
        (HEADER + b"one\r\n\r\ntwo", HEADER + b"one\r\ntwo"),
        (HEADER + b"one\ntwo", HEADER + b"onetwo"),
        (HEADER + b"one\ntwo", HEADER + b"one two"),
        (b"Subject: caf\xe9\r\n\r\n", b"Subject: caf\r\n\r\n"),
        (b"Subject: caf\xe9\r\n\r\n", b"Subject: cafe\r\n\r\n"),
        (b"", b"\0"),
    ],
)
def test_any_other_difference_is_another_message(one: bytes, other: bytes) -> None:
    assert likeness(one) != likeness(other)


def without_nul(message: bytes) -> bytes:
    return message.replace(b"\0", b"\x80")


def with_crlf_alone(message: bytes) -> bytes:
    return re.sub(rb"\r*\n|\r+(?=[^\r])", b"\r\n", message)


def without_last_cr(message: bytes) -> bytes:
    return message[:-1] if message.endswith(b"\r") else message


def in_seven_bits(message: bytes) -> bytes:
    """The header; it ends in an empty line, however that is written."""
    border = re.search(rb"\r*\n\r*\n", message)
    end = len(message) if border is None else border.start()
    return message[:end].translate(MUNGED) + message[end:]


LINES = st.lists(st.sampled_from([b"a", b"\0", b"\xe9", b"\x80", b"b\rb"]), min_size=1).map(b"".join)
HEADERS = st.lists(LINES, min_size=1).map(lambda lines: b"".join(b"X: " + line + b"\r\n" for line in lines))
BODIES = st.lists(st.sampled_from([b"a", b"\0", b"\xe9", b"\r", b"\n", b"\r\n", b"\r\r\n"])).map(b"".join)
SERVERS = st.permutations([without_nul, with_crlf_alone, without_last_cr, in_seven_bits])


@given(HEADERS, BODIES, SERVERS, st.integers(0, 4))
def test_what_several_servers_do_one_after_the_other_leaves_it_too(
    header: bytes, body: bytes, servers: Sequence[Callable[[bytes], bytes]], count: int
) -> None:
    sent = header + b"\r\n" + body
    kept = reduce(lambda message, alter: alter(message), servers[:count], sent)
    assert likeness(kept) == likeness(sent)


@given(st.lists(st.sampled_from([b"a", b"\0", b"\xe9", b"\r", b"\n", b"\r\n", b"\r\r\n", b"\n\n"])).map(b"".join))
def test_it_is_the_one_that_states_hold(message: bytes) -> None:
    """A state of years ago is compared with: the value may never change."""
    plain = re.sub(rb"\r*\n|\r+", b"\n", re.sub(rb"\r+\Z", b"", message).replace(b"\0", b"\x80"))
    header, border, rest = (re.sub(rb"\n*\Z", b"", plain) + b"\n").partition(b"\n\n")
    assert likeness(message) == hashlib.sha256(header.translate(MUNGED) + border + rest).digest()


def test_equal_messages_have_one_likeness_wherever_they_lie() -> None:
    message = HEADER + b"one\0two\r\r\n" * 1000
    spooled = SpooledBody()
    spooled.write(message[:7])
    spooled.write(message[7:])
    assert likeness_of(spooled) == likeness_of(HeldBody(message)) == likeness(message)
    spooled.close()


@pytest.mark.parametrize(("octets", "has_one"), [(0, True), (LIKENESS_OCTETS, True), (LIKENESS_OCTETS + 1, False)])
def test_a_message_that_is_too_large_to_be_held_has_none(octets: int, has_one: bool) -> None:
    body = HeldBody(HEADER)
    body.octets = octets
    assert (likeness_of(body) is not None) is has_one
