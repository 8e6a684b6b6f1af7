"""The base subject: RFC 5256 §2.1"""

import time

import pytest

from bascule.protocols.imap.subject import base_subject

BASES = {
    "budget": ("BUDGET", False),
    "Re: budget": ("BUDGET", True),
    "re: FW: fwd [x] : budget (fwd) (FWD)": ("BUDGET", True),
    "[list] Re: [list] budget": ("BUDGET", True),
    "[list] [other] budget": ("BUDGET", False),
    "[only]": ("[ONLY]", False),
    "Re: [list] [only]": ("[ONLY]", True),
    "[Fwd: Re: budget]": ("BUDGET", True),
    "[fwd: [fwd: budget ] (fwd)]": ("BUDGET", True),
    "[fwd:]": ("", True),
    "Re[2]: budget": ("BUDGET", True),
    "regards": ("REGARDS", False),
    "Re:": ("", True),
    "(fwd)": ("", True),
    "[not closed": ("[NOT CLOSED", False),
    "[a[b] c": ("[A[B] C", False),
    "re re: x": ("RE RE: X", False),
    "  ": ("", False),
    "": ("", False),
}


@pytest.mark.parametrize("subject", BASES)
def test_the_base_is_what_answers_have_in_common(subject: str) -> None:
    assert base_subject(subject) == BASES[subject]


MANY = 200_000
HOSTILE = {
    "re:" * MANY: "",
    "[x]" * MANY: "[X]",
    "[x]re:" * MANY: "",
    "x" + "(fwd)" * MANY: "X",
    "[fwd:" * MANY + "x" + "]" * MANY: "X",
    "[fwd:re:[y]" * MANY + "x" + " (fwd)]" * MANY: "X",
    "[" * MANY: "[" * MANY,
    "re[" * MANY: "RE[" * MANY,
    "re [ " * MANY: ("RE [ " * MANY).strip(),
}


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_it_takes_a_time_that_grows_as_the_subject_does(number: int) -> None:
    subject = list(HOSTILE)[number]
    began = time.process_time()
    assert base_subject(subject)[0] == HOSTILE[subject]
    assert time.process_time() - began < 15  # with squares in it, minutes
