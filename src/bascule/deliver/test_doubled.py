"""Which copy lies beside the message's own is read from what the ledger says of it."""

import pytest

from bascule.deliver.doubled import other_uid
from bascule.deliver.rivals import TWICE
from bascule.terms.outcome import OutcomeCode


@pytest.mark.parametrize(
    ("code", "detail", "uid"),
    [
        (OutcomeCode.DUPLICATE, f"{TWICE} (UID 17)", 17),
        (OutcomeCode.DUPLICATE, "a batch that had been cut was committed late: one copy too many, UID 17", 17),
        (
            OutcomeCode.DUPLICATE,
            "it moved on the old side, and its earlier copy is still in UID 17 of the target",
            None,
        ),
        (OutcomeCode.ALTERED, "without UID 17", None),
        (None, "", None),
    ],
)
def test_only_a_copy_in_the_same_folder_has_a_uid(code: OutcomeCode | None, detail: str, uid: int | None) -> None:
    assert other_uid(code, detail) == uid
