"""From octets to text, in the charset that a message names: RFC 2045 §5.1, RFC 2047 §2.

Python finds a codec by any name that it is given, also such as are no charset of mail, and one of them (``punycode``) takes a time that grows with
the square of the octets. So a name is looked up in the list of those that are.
"""

import contextlib
import re
from encodings import normalize_encoding
from encodings.aliases import aliases

from bascule.protocols.mime.limits import CHARSET_CHARACTERS

WITHOUT_ALIAS = frozenset(
    ["cp1006", "cp720", "cp737", "cp856", "cp874", "cp875", "koi8_t", "koi8_u", "mac_arabic", "mac_croatian", "mac_farsi", "mac_romanian", "utf_8_sig"]
)  # fmt: skip
"""Charsets that Python's table of other names leaves out."""
NO_CHARSETS = frozenset(
    ["aliases", "base64_codec", "bz2_codec", "charmap", "hex_codec", "idna", "mbcs", "oem", "palmos", "punycode", "quopri_codec", "raw_unicode_escape",
     "rot_13", "undefined", "unicode_escape", "uu_codec", "zlib_codec"]
)  # fmt: skip
"""What Python has among its codecs and is no charset of mail."""
_CHARSETS = (frozenset(aliases.values()) | WITHOUT_ALIAS) - NO_CHARSETS
_MEANT = {"latin_1": "cp1252", "gb2312": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932"}
"""What programs write that name the charset on the left: one that has the same characters, and more (WHATWG Encoding §4.2)."""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character, which UTF-7 may spell, and which no file and no database takes."""


def codec_of(charset: str) -> str | None:
    """Python's name of the codec; None for what is no charset of mail that it knows."""
    if len(charset) > CHARSET_CHARACTERS or not charset.isascii():
        return None
    name = normalize_encoding(charset).lower().replace(".", "_")
    name = aliases.get(name, name)
    return _MEANT.get(name, name) if name in _CHARSETS else None


def text_of(octets: bytes, charset: str = "") -> str:
    """Never fails: what the charset does not have becomes U+FFFD. In none, or an unknown one, it is UTF-8 if it can be, else Latin-1."""
    codec = codec_of(charset) if charset else None
    if codec is not None and codec != "ascii":  # what calls itself ASCII and is not is read as if it said nothing
        with contextlib.suppress(ValueError):  # some codecs fail in spite of “replace”
            return _SURROGATE.sub("\ufffd", octets.decode(codec, "replace"))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")
