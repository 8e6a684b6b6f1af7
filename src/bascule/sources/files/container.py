"""What programs write into the header of a message that lies in an mbox, since they have no other place for it: flags, labels, numbers, lengths.

It is the container's, as a Maildir's file names are, and not the message's: it changes when somebody reads the mail, and the message does not. So it is
read for flags and labels, and taken off, wherever in the header it stands. Dovecot does the same with those that it knows.
"""

import re

from bascule.protocols.mime.headers import decode_field
from bascule.terms.flags import Flags, normalise_flags

FIELDS = (
    "Status", "X-Status", "X-Keywords", "X-UID", "X-IMAP", "X-IMAPbase",  # c-client, Alpine, Dovecot, mutt
    "Content-Length", "Lines",  # mboxcl2; mutt writes both
    "X-Mozilla-Status", "X-Mozilla-Status2", "X-Mozilla-Keys",
    "X-Evolution",
)  # fmt: skip
LABELS = "X-Gmail-Labels"
"""Taken off in a Takeout alone. Anywhere else it is a field that any sender may set, so as to choose the folder."""

_NAMES = "|".join(FIELDS).encode()
_VALUE = rb"[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*(?:\r?\n|\Z)"
_FIRST_LETTERS = rb"^(?=[CLSX])"  # most fields begin with none of these
_OF_ALL = re.compile(_FIRST_LETTERS + rb"(?:" + _NAMES + rb")" + _VALUE, re.I | re.M)
_OF_A_TAKEOUT = re.compile(_FIRST_LETTERS + rb"(?:" + _NAMES + rb"|" + LABELS.encode() + rb")" + _VALUE, re.I | re.M)
_TAKEOUT = re.compile(rb"From \d+@xxx ")
_STATUS = re.compile(
    rb"^(status|x-status|x-mozilla-status|x-mozilla-keys|x-keywords)[ \t]*:[ \t]*([^\r\n]*)", re.I | re.M
)
_LABELS = re.compile(rb"^" + LABELS.encode() + rb"[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.I | re.M)
_MOZILLA = re.compile(
    rb"(?:x-(?:account-key|uidl|mozilla-status2|mozilla-keys):[^\r\n]*\r?\n)*x-mozilla-status:[ \t]*([0-9a-f]{1,8})",
    re.I,
)
"""At the top of the header, where Thunderbird puts it: farther down anybody may have written it who wants a mail not to be seen."""
_EXPUNGED = 0x8  # nsMsgMessageFlags.h


def is_takeout(from_line: bytes) -> bool:
    """Whether Google wrote the line; no sender can."""
    return _TAKEOUT.match(from_line) is not None


def without_fields(octets: bytes, *, takeout: bool) -> bytes:
    """A message, or its start, without what is the container's."""
    header = octets[: _end_of_header(octets)]
    left = (_OF_A_TAKEOUT if takeout else _OF_ALL).sub(b"", header)
    return octets if len(left) == len(header) else left + octets[len(header) :]


def ends_header(octets: bytes) -> bool:
    """Whether all of a message's header is in its start."""
    return _end_of_header(octets) < len(octets)


def _end_of_header(octets: bytes) -> int:
    """Where the empty line stands, or the message ends."""
    if octets.startswith((b"\n", b"\r\n")):
        return 0
    bare = octets.find(b"\n\n")
    with_cr = octets.find(b"\n\r\n", 0, bare + 1 if bare >= 0 else len(octets))
    end = with_cr if with_cr >= 0 else bare
    return end + 1 if end >= 0 else len(octets)


def is_expunged(header: bytes) -> bool:
    """Whether Thunderbird has deleted the message or moved it elsewhere, and has not compacted the file since: nobody sees it any more."""
    found = _MOZILLA.match(header)
    return found is not None and bool(int(found[1], 16) & _EXPUNGED)


def labels_of(header: bytes) -> tuple[str, ...] | None:
    """Of a message in a Takeout; None where it has none."""
    found = _LABELS.search(header)
    if found is None:
        return None
    text = decode_field(found[1])
    return tuple(label.strip().strip('"') for label in text.split(",") if label.strip())


def flags_of(header: bytes) -> Flags:
    names: list[str] = []
    for found in _STATUS.finditer(header):
        field, value = found[1].lower(), found[2].decode("latin-1").strip()
        if field == b"status":
            names += ["\\Seen"] if "R" in value else []
        elif field == b"x-status":
            letters = {"A": "\\Answered", "F": "\\Flagged", "T": "\\Draft", "D": "\\Deleted"}
            names += [flag for letter, flag in letters.items() if letter in value]
        elif field == b"x-mozilla-status":
            names += _mozilla_flags(value)
        else:
            names += [word for word in value.replace(",", " ").split() if word.isascii()]
    return normalise_flags(names)


def _mozilla_flags(value: str) -> list[str]:
    """nsMsgMessageFlags.h: 0x1 read, 0x2 replied, 0x4 marked, 0x1000 forwarded."""
    try:
        bits = int(value, 16)
    except ValueError:
        return []
    table = ((0x1, "\\Seen"), (0x2, "\\Answered"), (0x4, "\\Flagged"), (0x1000, "$Forwarded"))
    return [flag for bit, flag in table if bits & bit]
