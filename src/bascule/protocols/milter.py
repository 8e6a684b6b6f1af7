"""The milter protocol, version 6, as a mail server speaks it to a filter: packets out, answers in.

There is no RFC; source: Sendmail's ``libmilter`` documentation (``mfapi.h``, ``mfdef.h``), as Postfix and rspamd follow it. A packet is its length
(32 bits, network order), a command's letter, and data of NUL-ended strings.
"""

import struct
from dataclasses import dataclass

from bascule.protocols.mime.header import FIELD_NAME

VERSION = 6
ADD_HEADERS, CHANGE_HEADERS = 0x01, 0x10
"""The actions that we let a filter take: it may neither change the body nor whom a message is for."""
STEPS_LEFT_OUT = {b"C": 0x01, b"H": 0x02, b"M": 0x04, b"R": 0x08, b"B": 0x10, b"L": 0x20, b"N": 0x40, b"T": 0x200}
NO_REPLY = {
    b"L": 0x80,
    b"C": 0x1000,
    b"H": 0x2000,
    b"M": 0x4000,
    b"R": 0x8000,
    b"T": 0x10000,
    b"N": 0x40000,
    b"B": 0x80000,
}
OFFERED = sum(STEPS_LEFT_OUT.values()) + sum(NO_REPLY.values())
BODY_OCTETS = 65535
PACKET_OCTETS = 1024 * 1024
"""Of an answer; the longest is a header field."""


class MilterError(Exception):
    """What came is not the protocol, or nothing came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``index``: of a changed or inserted field. ``name``, ``value``: of a field; of a reply code its text in ``value``."""

    command: bytes
    name: bytes = b""
    value: bytes = b""
    index: int = 0


def packet(command: bytes, data: bytes = b"") -> bytes:
    return struct.pack("!I", len(data) + 1) + command + data


def strings(*values: str) -> bytes:
    return b"".join(value.replace("\0", "").encode("utf-8", "replace") + b"\0" for value in values)


def negotiation() -> bytes:
    return packet(b"O", struct.pack("!III", VERSION, ADD_HEADERS | CHANGE_HEADERS, OFFERED))


def negotiated(answer: bytes) -> int:
    """The steps left out and the replies not sent, as the filter chose them. Raises MilterError."""
    if len(answer) != 13 or answer[:1] != b"O":
        raise MilterError("the filter does not negotiate")
    _, _, steps = struct.unpack("!III", answer[1:])
    return int(steps) & OFFERED


def connected(host: str, address: str) -> bytes:
    """A client at ``address`` (IPv4, IPv6; "" unknown)."""
    if not address:
        return packet(b"C", strings(host) + b"U")
    family = b"6" if ":" in address else b"4"
    return packet(b"C", strings(host) + family + struct.pack("!H", 0) + strings(address))


def macros(command: bytes, values: dict[str, str]) -> bytes:
    return packet(b"D", command + strings(*(each for pair in values.items() for each in pair)))


def parse_answer(data: bytes) -> Answer:
    """One packet without its length. Raises MilterError."""
    command, rest = data[:1], data[1:]
    if command in b"him" and command:
        index = 0
        if command != b"h":
            if len(rest) < 4:
                raise MilterError("a changed field has an index")
            index, rest = struct.unpack("!I", rest[:4])[0], rest[4:]
        parts = rest.split(b"\0")
        if len(parts) != 3 or parts[2] or not FIELD_NAME.fullmatch(parts[0]):
            raise MilterError("a field is a name and a value")
        return Answer(command, parts[0], parts[1], index)
    if command == b"y":
        return Answer(command, value=rest.rstrip(b"\0"))
    if command and command in b"cartdpsv+-bqe":
        return Answer(command)
    raise MilterError(f"the filter answers with {data[:20]!r}")
