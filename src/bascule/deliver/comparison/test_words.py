"""What `verify` finds is told in both languages."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from bascule.deliver.comparison.words import comparison_words_of
from bascule.deliver.proof import Words

EN, FR = comparison_words_of("en"), comparison_words_of("fr")
TOLD_BY = {"Finding", "name_fault", "name_to_do", "append", "replace"}
WHAT_FOLLOWS = {"side": ["old", "new"], "how": ["in full", "by size, date and flags"]}
"""Names of variables in the sentences that stand for words."""
ENGLISH = re.compile(r"\b(the|with|without|there|its|not|is|was|and|now|side|read)\b")


def written(node: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """What an expression may give: a sentence for each of its branches."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            told = [""]
            for part in parts:
                pieces = (
                    filled_in(part, constants) if isinstance(part, ast.FormattedValue) else written(part, constants)
                )
                told = [f"{before}{piece}" for before in told for piece in list(pieces)]
            yield from told
        case ast.IfExp(body=one, orelse=other):
            yield from [*written(one, constants), *written(other, constants)]
        case ast.BoolOp(values=several):
            for one in several:
                yield from written(one, constants)
        case ast.Name(id=name) if name in constants:
            yield constants[name]
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="format")) if name in constants:
            yield constants[name].format(5)


def filled_in(part: ast.FormattedValue, constants: dict[str, str]) -> list[str]:
    """What stands for it."""
    if part.format_spec is not None and "%H" in ast.unparse(part.format_spec):
        return ["2026-11-28 at 09:05"]
    name = part.value.id if isinstance(part.value, ast.Name) else ""
    return WHAT_FOLLOWS.get(name) or ([constants[name]] if name in constants else ["5"])


def sentences() -> list[str]:
    """Those that the comparison's own code puts together, with 5 for whatever it fills in."""
    found: set[str] = set()
    for file in sorted(Path(__file__).parent.glob("[!t]*.py")):
        tree = ast.parse(file.read_text())
        constants = {
            one.targets[0].id: one.value.value
            for one in tree.body
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
            if isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
        }
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and getattr(call.func, "id", getattr(call.func, "attr", "")) in TOLD_BY:
                for given in [*call.args, *(word.value for word in call.keywords)]:
                    found.update(written(given, constants))
            if isinstance(call, ast.Assign | ast.Return) and isinstance(call.value, ast.JoinedStr | ast.IfExp):
                found.update(written(call.value, constants))
            if isinstance(call, ast.Dict):
                for value in call.values:
                    found.update(written(value, constants))
    return sorted(one for one in found.difference(WHAT_FOLLOWS["how"]) if re.search(r"[a-z] [a-z]", one))


@pytest.mark.parametrize("sentence", sentences())
def test_what_is_found_is_told_in_french(sentence: str) -> None:
    told = FR.own(sentence)
    assert not ENGLISH.search(told), told
    assert EN.own(sentence) == sentence


def test_the_sentences_are_found_where_they_are_written() -> None:
    found = sentences()
    for one in (
        "not there any more: moved or removed on the new side since, with its folder",
        "the old side lists it and does not give it: 5",
        "5 is called 5 on the new side now",
        "its delivery was cut off, and it is not there: the next run looks for it again",
    ):
        assert one in found, found


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("no run has dealt with it; an equal message is there: its flags are none",
         "aucune exécution ne l’a traité ; un message identique s’y trouve : il n’a aucun indicateur"),
        ("left out: larger than 12800000 octets", "plus de 12800\u202f000 octets (12,8 Mo)".replace("12800", "12\u202f800")),
        ("left out: arrived before 2024-03-01", "arrivé avant le 01/03/2024"),
        ("read back in full on 2026-11-28 at 09:05 UTC", "relu en entier le 28/11/2026 à 09 h 05 UTC"),
        ("refused-size: the target takes messages of up to 500 octets", "la nouvelle plateforme refuse un message de cette taille : la nouvelle plateforme accepte au plus 500 octets par message"),
        ("refused-empty", "la nouvelle plateforme refuse un message sans contenu"),
        ("the new side lists its copy and does not give it: NO [X] no idea", "la nouvelle plateforme annonce son exemplaire et ne le donne pas : NO [X] no idea"),
    ],
)  # fmt: skip
def test_what_is_filled_in_is_told_as_well(english: str, french: str) -> None:
    assert FR.own(english) == french


def test_each_phrase_takes_the_same_in_both() -> None:
    for one in fields(EN):
        english, french = getattr(EN, one.name), getattr(FR, one.name)
        if not isinstance(english, Words):
            pairs = zip(english, french, strict=True) if isinstance(english, tuple) else [(english, french)]
            for phrase, told in pairs:
                assert sorted(re.findall(r"\{\d?\}", phrase)) == sorted(re.findall(r"\{\d?\}", told)), one.name
