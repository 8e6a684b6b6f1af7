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
