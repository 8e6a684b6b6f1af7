"""A header as a list of raw fields, to be read, taken from and added to without touching the others. RFC 5322 §2.2"""

import re
from dataclasses import dataclass, field

from bascule.protocols.mime.structure import header_end

_FIELD = re.compile(rb"(?P<name>[!-9;-~]+)[ \t]*:(?P<value>[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)\r?\n?")
_LINE = re.compile(rb"[^\n]*\n?")
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
    """A new field."""
    text = re.sub(r"\0|[\r\n]+(?![ \t])", " ", value.replace("\r\n", "\n")).strip()
    safe = text.replace("\n", "\r\n").encode("utf-8", "replace")
    return RawField(name.encode() + b": " + safe + b"\r\n", name.lower().encode(), b" " + safe)
