"""Patterns fit what a regular expression would say, in a time that grows with names and not with wildcards."""

import random
import re

import pytest

from bascule.protocols.imap.patterns import REMEMBERED_STATES, Patterns, literal_start


def by_regular_expression(pattern: str, name: str) -> bool:
    pieces = [{"*": ".*", "%": "[^/]*"}.get(piece, re.escape(piece)) for piece in pattern]
    return re.fullmatch("".join(pieces), name, re.DOTALL) is not None


def test_any_pattern_fits_what_a_regular_expression_fits() -> None:
    chance = random.Random(14)
    for _ in range(2000):
        patterns = ["".join(chance.choices("ab/*%", k=chance.randrange(7))) for _ in range(chance.randrange(1, 4))]
        fitting = Patterns(patterns)
        for _ in range(10):
            name = "".join(chance.choices("ab/", k=chance.randrange(9)))
            assert fitting.fit(name) == any(by_regular_expression(each, name) for each in patterns), (patterns, name)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("%", "", True),
        ("%", "a\nb", True),
        ("%", "a/b", False),
        ("%%*%%", "a/b/c", True),
        ("a/%", "a/", True),
        ("é*", "été", True),
        ("[a]*", "[a]/b", True),
        ("a.c", "abc", False),
        ("*\U0001f600%", "x/\U0001f600", True),
        ("A", "a", False),
    ],
)
def test_what_stands_for_what(pattern: str, name: str, fits: bool) -> None:
    assert Patterns([pattern]).fit(name) is fits


@pytest.mark.parametrize(
    "pattern", ["%a*%a*%a*%a*%a*%a*z", "%*" * 500 + "z", "*a" * 100 + "z", "%a" * 1000 + "%z", "a%/" * 300 + "z"]
)
def test_the_worst_pattern_over_ten_thousand_names_ends(pattern: str) -> None:
    """Regular expressions take minutes for the first, and years for the others."""
    fitting = Patterns([pattern])
    names = ["a" * 240 + str(number) for number in range(5000)] + ["a/" * 120 + str(number) for number in range(5000)]
    assert not any(map(fitting.fit, names))
    assert len(fitting._states) < REMEMBERED_STATES + 250


def test_what_stands_before_the_first_wildcard() -> None:
    assert [literal_start(each) for each in ("a/b*", "%", "a%b*", "abc", "")] == ["a/b", "", "a", "abc", ""]
