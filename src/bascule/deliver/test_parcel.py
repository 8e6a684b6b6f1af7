"""What is sent of a message whose lines end with LF alone."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bascule.deliver.parcel import with_crlf


@given(st.lists(st.lists(st.sampled_from([b"\r", b"\n", b"a"])).map(b"".join)))
def test_each_lf_that_stands_alone_gets_a_cr_wherever_the_pieces_are_cut(pieces: list[bytes]) -> None:
    assert b"".join(with_crlf(pieces)) == re.sub(rb"(?<!\r)\n", b"\r\n", b"".join(pieces))
