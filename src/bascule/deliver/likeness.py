"""The alterations that servers are known to make in silence, so that an altered message is still known for what it is.

`likeness` is the same for a message and for what a server made of it, when all the server did is one of:

* NUL became 0x80 (Dovecot, lib-imap ``imap-parser``: "NUL is not allowed in literals");
* CR CR LF became CR LF, or a CR without LF was dropped or gained one (Dovecot's line-end conversion); the CR that a message ended in was dropped;
* octets above 127 in the header became ``X`` (Cyrus, ``munge8bit``);
* it was ended with a line end, or an empty line, that it lacked (Courier, Dovecot's mbox).
"""

import hashlib
import re

from bascule.deliver.limits import LIKENESS_OCTETS
from bascule.terms.body import Body

_CR_RUN = re.compile(rb"\r*\n|\r+")
_LONE_CR = re.compile(rb"\r(?![\r\n])")
_EIGHT_BIT = bytes.maketrans(bytes(range(128, 256)), b"X" * 128)


def likeness(message: bytes) -> bytes:
    """SHA-256 of the message with each known alteration applied. Equal likeness is no proof of equality."""
    plain = message.rstrip(b"\r").replace(b"\0", b"\x80")
    plain = _CR_RUN.sub(b"\n", plain) if _LONE_CR.search(plain) else plain.translate(None, b"\r")
    plain = plain.rstrip(b"\n") + b"\n"
    end = plain.find(b"\n\n")
    border = len(plain) if end < 0 else end
    found = hashlib.sha256(plain[:border].translate(_EIGHT_BIT))
    found.update(memoryview(plain)[border:])
    return found.digest()


def likeness_of(body: Body) -> bytes | None:
    """None for a message that is too large to be held in memory for it."""
    return likeness(body.whole()) if body.octets <= LIKENESS_OCTETS else None
