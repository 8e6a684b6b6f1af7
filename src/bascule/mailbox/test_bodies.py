"""Bodies as they are read back, from files that may be damaged."""

import contextlib
import sqlite3
import tracemalloc
from pathlib import Path

import pytest

from bascule.mailbox.bodies import PART_OCTETS, ZSTD, BodyReader, BodyWriter
from bascule.mailbox.format import MailboxError, segment_name
from bascule.terms.body import HeldBody

CLAIMED = 6 * 1024**3


def frame_that_claims(octets: int) -> bytes:
    """RFC 8878 §3.1.1: one segment, its size in eight octets, and a raw block of three."""
    return b"\x28\xb5\x2f\xfd" + b"\xe0" + octets.to_bytes(8, "little") + ((3 << 3) | 1).to_bytes(3, "little") + b"abc"


@pytest.mark.parametrize("recorded", [3, CLAIMED])
@pytest.mark.parametrize("in_parts", [False, True])
def test_a_damaged_frame_that_claims_gigabytes_takes_no_memory(recorded: int, in_parts: bool, tmp_path: Path) -> None:
    writer = BodyWriter(tmp_path, set())
    segment, place = writer.add(HeldBody(b"abc" * (PART_OCTETS if in_parts else 100)))
    writer.close()
    with contextlib.closing(sqlite3.connect(tmp_path / segment_name(segment))) as database, database:
        damaged = frame_that_claims(CLAIMED)
        if in_parts:
            database.execute("UPDATE parts SET data = ?", (damaged,))
        else:
            database.execute("UPDATE bodies SET data = ?, encoding = ?", (damaged, ZSTD))
        database.execute("UPDATE bodies SET octets = ?", (recorded,))
    reader = BodyReader(tmp_path)
    tracemalloc.start()
    try:
        for read in (
            lambda: reader.read(segment, place), lambda: reader.octets(segment, place), lambda: reader.octets(segment, place, 2)
        ):  # fmt: skip
            with pytest.raises(MailboxError, match="damaged"):
                read()
        assert tracemalloc.get_traced_memory()[1] < 16 * PART_OCTETS
    finally:
        tracemalloc.stop()
        reader.close()


WHOLE = {"as it is": bytes(range(256)), "compressed": b"abc" * 100, "in parts": b"abc" * PART_OCTETS}
DAMAGE = {
    "as it is": ["UPDATE bodies SET data = x'00'", "UPDATE bodies SET data = CAST(data || x'00' AS BLOB)", "UPDATE bodies SET octets = 300", "UPDATE bodies SET data = 7"],
    "compressed": ["UPDATE bodies SET encoding = 0", "UPDATE bodies SET data = x'00'", "UPDATE bodies SET octets = 299", "UPDATE bodies SET octets = 301"],
    "in parts": [
        "DELETE FROM parts WHERE part = 2", "DELETE FROM parts WHERE part = 1", "INSERT INTO parts SELECT body, 9, data FROM parts WHERE part = 0",
        "UPDATE parts SET data = (SELECT data FROM bodies WHERE id = 2) WHERE part = 1", "DELETE FROM parts",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "damage"), [(kind, each) for kind, damages in DAMAGE.items() for each in damages])
def test_a_body_that_is_not_as_large_as_it_was_is_damaged(kind: str, damage: str, tmp_path: Path) -> None:
    writer = BodyWriter(tmp_path, set())
    segment, place = writer.add(HeldBody(WHOLE[kind]))
    _, other = writer.add(HeldBody(b"x" * 1000))
    writer.close()
    reader = BodyReader(tmp_path)
    assert reader.read(segment, place).whole() == reader.octets(segment, place) == WHOLE[kind]
    assert reader.octets(segment, place, 2) == WHOLE[kind][:2]
    reader.close()
    with contextlib.closing(sqlite3.connect(tmp_path / segment_name(segment))) as database, database:
        database.execute(f"{damage} {'AND' if 'WHERE' in damage else 'WHERE'} {_rows_of(damage)} = {place}")
    reader = BodyReader(tmp_path)
    with pytest.raises(MailboxError, match="damaged"):
        reader.read(segment, place)
    with pytest.raises(MailboxError, match="damaged"):
        reader.octets(segment, place)
    assert list(reader.many(segment, [place, other])) == [other]
    assert reader.octets(segment, other) == b"x" * 1000
    reader.close()


def _rows_of(damage: str) -> str:
    return "body" if "parts" in damage else "id"
