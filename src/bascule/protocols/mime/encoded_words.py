"""Encoded words in header fields: ``=?utf-8?q?R=C3=A9union?=``. RFC 2047"""

import binascii
import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from bascule.protocols.mime.charsets import text_of
from bascule.protocols.mime.decoding import from_base64

_START = re.compile(r"=\?(?!=)")
"""Not where Base64 that ends in ``=`` ends."""
_HEAD = re.compile(r"([^?\s*]+)(?:\*[^?\s]*)?\?([qb])\?", re.IGNORECASE)
"""RFC 2231 §5: a language may stand behind the charset."""


def decode_words(text: str) -> str:
    """``text`` (unfolded) with its encoded words decoded. Never fails: what is none stays as it is.

    Blanks between two words are left out (§6.2). Words of one charset in a row are decoded together: programs cut within a character, though §5
    forbids it.
    """
    out = []
    for charset, pieces in groupby(_pieces(text), itemgetter(0)):
        joined = "".join(piece for _, piece in pieces)
        out.append(joined if charset is None else text_of(joined.encode("latin-1"), charset))
    return "".join(out)


def _pieces(text: str) -> Iterator[tuple[str | None, str]]:
    """Each word as its charset and its octets (as Latin-1); what stands between them with None."""
    between, *candidates = _START.split(text)
    follows_word = False
    for candidate in candidates:
        head = _HEAD.match(candidate)
        end = candidate.find("?=", head.end()) if head else -1
        is_word = head is not None and end >= 0
        if between and not (is_word and follows_word and between.isspace()):
            yield None, between
        if head is not None and is_word:
            yield head[1].lower(), _octets(head[2], candidate[head.end() : end]).decode("latin-1")
            between = candidate[end + 2 :]
        else:
            between = f"=?{candidate}"
        follows_word = is_word
    yield None, between


def _octets(encoding: str, encoded: str) -> bytes:
    raw = encoded.encode("utf-8", "replace")
    return from_base64(raw) if encoding in "bB" else binascii.a2b_qp(raw, header=True)
