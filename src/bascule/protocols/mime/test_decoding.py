"""Parts are decoded piece by piece, and come out as if it were at once."""

import binascii
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.mime import decoding
from bascule.protocols.mime.decoding import from_base64, from_quoted_printable
from bascule.protocols.mime.limits import DECODED_AT_ONCE_OCTETS

_PIECE = 16


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "DECODED_AT_ONCE_OCTETS", _PIECE)
        yield


def _base64_at_once(octets: bytes) -> bytes:
    digits = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    return binascii.a2b_base64(digits[: len(digits) - (len(digits) % 4 == 1)] + b"==")


def _quoted_printable_at_once(octets: bytes) -> bytes:
    return binascii.a2b_qp(re.sub(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)", b"", octets))


@given(st.binary() | st.lists(st.sampled_from([b"QUJD", b"\r\n", b"=", b"-", b"A"])).map(b"".join))
def test_base64_however_it_is_cut(octets: bytes) -> None:
    assert from_base64(octets) == _base64_at_once(octets)


@given(
    st.lists(st.sampled_from([b"a", b" ", b"\t", b"=3D", b"=\r\n", b"= \r\n", b"\r\n", b"\n", b"=e9", b"xyz"])).map(
        b"".join
    )
)
def test_quoted_printable_however_it_is_cut(octets: bytes) -> None:
    assert from_quoted_printable(octets) == _quoted_printable_at_once(octets)


@given(st.binary())
def test_anything_is_decoded(octets: bytes) -> None:
    from_quoted_printable(octets)


@pytest.mark.parametrize(
    ("decode", "octets"),
    [
        (from_base64, b"QUJD\r\n" * 100),
        (from_base64, b"\r\n" * 300),
        (from_quoted_printable, b"abc=3D  \r\n" * 100),
        (from_quoted_printable, b" x" * 300),
        (from_quoted_printable, b"=" * 600),
        (from_quoted_printable, b" " * 600),
    ],
)
def test_no_call_has_more_than_a_piece(
    decode: Callable[[bytes], bytes], octets: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others wait for: one call of C, or one search."""
    most = 0

    class Counting:
        @staticmethod
        def a2b_base64(piece: bytes) -> bytes:
            nonlocal most
            most = max(most, len(piece))
            return binascii.a2b_base64(piece)

        @staticmethod
        def a2b_qp(piece: bytes) -> bytes:
            nonlocal most
            most = max(most, len(piece))
            return binascii.a2b_qp(piece)

    monkeypatch.setattr(decoding, "binascii", Counting)
    decode(octets)
    assert most <= _PIECE + 4
    assert DECODED_AT_ONCE_OCTETS <= 64 * 1024
