"""Headers changed in place, submitted messages completed, signatures that an independent verifier accepts."""

import hashlib

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bascule.protocols.mime.dkim import BodyHash, signature_field
from bascule.protocols.mime.header import Header
from bascule.protocols.mime.submitted import NotFit, authors, complete

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
BODIES = [
    b"",
    b"\r\n",
    b"hello\r\n",
    b"hello",
    b"a  b \t\r\n\r\n \t\r\nc\r\n\r\n\r\n",
    b" \r\n",
    b"\r\n\r\nx\r\n",
    b"x" * 5000 + b"\r\n",
]


def test_what_is_not_changed_stays_octet_for_octet() -> None:
    octets = b"Subject: one\r\n two\r\nX:y\r\nno field\r\nFrom: a@b\n\tc\r\n\r\nbody"
    header, end = Header.of(octets)
    assert octets[end:] == b"body"
    assert header.octets() == b"Subject: one\r\n two\r\nX:y\r\nno field\r\nFrom: a@b\n\tc\r\n"
    assert [each.name for each in header.fields] == [b"subject", b"x", b"", b"from"]


def test_a_new_value_can_not_end_the_header() -> None:
    header = Header()
    header.append("Subject", "one\r\n\r\nBcc: x\r\n\tfold\0")
    assert header.octets() == b"Subject: one Bcc: x\r\n\tfold\r\n"


def test_bcc_goes_and_what_is_missing_comes() -> None:
    header, _ = Header.of(b"From: a@b\r\nBCC: c@d,\r\n e@f\r\nReturn-Path: <x>\r\nSubject: s\r\n\r\n")
    complete(header, "today", "<1@here>")
    assert header.octets() == b"From: a@b\r\nSubject: s\r\nDate: today\r\nMessage-ID: <1@here>\r\n"
    assert authors(header) == ["a@b"]


@pytest.mark.parametrize("octets", [b"Subject: x\r\n\r\n", b"From: a@b\r\nFrom: c@d\r\n\r\n", b"From: nobody\r\n\r\n"])
def test_a_message_without_one_author_is_not_fit(octets: bytes) -> None:
    with pytest.raises(NotFit):
        authors(Header.of(octets)[0])


def signed(message: bytes, pieces: int) -> bytes:
    header, end = Header.of(message)
    body, digest = message[end:], BodyHash()
    for place in range(0, len(body), pieces):
        digest.update(body[place : place + pieces])
    field = signature_field(
        header, digest.digest(), "example.org", "s1", 1_700_000_000, lambda data: KEY.sign(data, padding.PKCS1v15(), hashes.SHA256()),
    )  # fmt: skip
    return field.octets + message


def public_key(*_: object, **__: object) -> bytes:
    from base64 import b64encode

    return b"v=DKIM1; k=rsa; p=" + b64encode(
        KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("pieces", [1, 7, 1_000_000])
def test_another_verifier_accepts_the_signature(body: bytes, pieces: int) -> None:
    message = (
        b"From:  Anna <anna@example.org>\r\nTo: a@b,\r\n\t c@d\r\nReceived: x\r\nSubject:  h\xc3\xa9llo \r\n  there\r\n"
        b"Date: Tue, 24 Nov 2026 09:00:00 +0100\r\nMessage-ID: <1@x>\r\n\r\n" + body
    )
    assert dkim.verify(signed(message, pieces), dnsfunc=public_key)
    if body.strip():
        assert not dkim.verify(signed(message, pieces) + b"more\r\n", dnsfunc=public_key)


def test_a_body_of_empty_lines_is_passed_once() -> None:
    """A search for the end of each run from each of its lines, or of all runs at each piece, takes minutes here."""
    runs, lines = BodyHash(), BodyHash()
    for _ in range(20):
        runs.update(b"x" + b"\r\n" * 30_000)
        lines.update(b"\r\n" * 30_000)
    lines.update(b"x")
    assert runs.digest() == hashlib.sha256((b"x" + b"\r\n" * 30_000) * 19 + b"x\r\n").digest()
    assert lines.digest() == hashlib.sha256(b"\r\n" * 600_000 + b"x\r\n").digest()


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"b c", b"\r\n\r\n"]), max_size=30), st.integers(1, 9))
def test_the_body_hash_is_the_same_however_it_is_cut(words: list[bytes], size: int) -> None:
    body = b"".join(words)
    whole, cut = BodyHash(), BodyHash()
    whole.update(body)
    for place in range(0, len(body), size):
        cut.update(body[place : place + size])
    assert whole.digest() == cut.digest()
