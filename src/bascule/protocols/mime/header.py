"""A header as a list of raw fields, to be read, taken from and added to without touching the others. RFC 5322 §2.2"""

import re
from dataclasses import dataclass, field

from bascule.protocols.mime.structure import header_end

_FIELD = re.compile(rb"(?P<name>[!-9;-~]+)[ \t]*:(?P<value>[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)\r?\n?")
_LINE = re.compile(rb"[^\n]*\n?")
FIELD_NAME = re.compile(rb"[!-9;-~]+")
_LINE_ENDS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
"""Whatever a program may take for the end of a line."""
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class RawField:
    """``octets``: as they stand, with the end of line. ``name``: in small letters; "" for a line that is no field."""

    octets: bytes
    name: bytes
    value: bytes

    @property
    def unfolded(self) -> bytes:
        return _FOLD.sub(b"", self.value).strip(b" \t\r\n")


@dataclass(slots=True)
class Header:
    fields: list[RawField] = field(default_factory=list)

    @classmethod
    def of(cls, octets: bytes) -> tuple["Header", int]:
        """The header that ``octets`` begin with, and where the body's octets begin (the empty line between them left out)."""
        end = header_end(octets)
        header, position = cls(), 0
        while position < end:
            found = _FIELD.match(octets, position, end)
            if found is not None:
                header.fields.append(RawField(found[0], found["name"].lower(), found["value"]))
            else:
                found = _LINE.match(octets, position, end)
                assert found is not None
                if found[0].strip(b"\r\n"):
                    header.fields.append(RawField(found[0], b"", b""))
            position = max(found.end(), position + 1)
        return header, end

    def all(self, name: bytes) -> list[RawField]:
        return [each for each in self.fields if each.name == name]

    def first(self, name: bytes) -> RawField | None:
        return next((each for each in self.fields if each.name == name), None)

    def remove(self, *names: bytes) -> None:
        self.fields = [each for each in self.fields if each.name not in names]

    def insert(self, name: str, value: str, place: int = 0) -> None:
        """``value`` may hold folds; what could end the header in it is taken out."""
        self.fields.insert(place, written(name, value))

    def append(self, name: str, value: str) -> None:
        self.fields.append(written(name, value))

    def octets(self) -> bytes:
        """The fields, each ended, without the empty line that follows."""
        return b"".join(each.octets if each.octets.endswith(b"\n") else each.octets + b"\r\n" for each in self.fields)


def written(name: str, value: str) -> RawField:
    """The one writer of fields that we add. ``value`` may hold folds; whatever else would end the line in it becomes a space.

    Raises ValueError for what is no field's name (RFC 5322 §2.2).
    """
    key = name.encode()
    if not FIELD_NAME.fullmatch(key):
        raise ValueError(f"not a field's name: {name!a}")
    first, *more = _LINE_ENDS.split(value)
    text = first + "".join(f"\r\n{line}" if line[0] in " \t" else f" {line}" for line in more if line.strip())
    safe = _CONTROLS.sub(" ", text).strip().encode("utf-8", "replace")
    return RawField(key + b": " + safe + b"\r\n", key.lower(), b" " + safe)
