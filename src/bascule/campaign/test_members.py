from pathlib import Path

import pytest

from bascule.campaign.difference import Change, Present, differences
from bascule.campaign.members_file import Row, parse_members, read_members, template
from bascule.terms.errors import BasculeError

WAVES = {"main": "", "pilots": ""}


def lines(*rows: str, headings: str = "sign_on;name;address;aliases;kind;owners;wave;role;old_url;old_secret") -> str:
    return "\n".join([headings, *rows])


def test_french_headings_commas_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes('\ufeffIdentifiant,Nom,Courriel,Vague\r\nanna,"Martin, Anna",Anna@Example.org,MAIN\r\n'.encode())
    rows, errors = read_members(file)
    assert errors == []
    assert rows == [Row(2, "anna", "Martin, Anna", "anna@example.org", wave="main")]


def test_values_in_french_as_the_pages_say_them() -> None:
    text = "identifiant;nom;adresse;type;rôle;langue;responsables;ancien accès\nanna;Anna;anna@x.org;Personnelle;Opératrice;Français;;mot de passe\n;Accueil;desk@x.org;fonctionnelle;;;anna;"
    rows, errors = parse_members(text)
    assert errors == []
    assert [(row.kind, row.role, row.language, row.old_way) for row in rows] == [
        ("personal", "operator", "fr", "password"),
        ("functional", "", "", ""),
    ]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_empty_list_to_begin_with_has_every_column(language: str) -> None:
    headings = template(language)
    assert len(headings.split(";")) == len(Row.__slots__) - 1
    rows, errors = parse_members(headings + "anna;Anna;anna@x.org" + ";" * 12)
    assert ([row.sign_on for row in rows], errors) == (["anna"], [])


@pytest.mark.parametrize("octets", [b"PK\x03\x04\x14\x00", b"\xd0\xcf\x11\xe0\xa1\xb1"])
def test_a_workbook_is_told_apart_from_a_wrong_character(octets: bytes, tmp_path: Path) -> None:
    file = tmp_path / "list.xlsx"
    file.write_bytes(octets)
    with pytest.raises(BasculeError, match="is a workbook, not CSV"):
        read_members(file)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (";Anna;anna@x.org", "sign_on is missing"),
        ("anna;;anna@x.org", "name is missing"),
        ("anna;Anna;", "address is missing"),
        ("anna;Anna;not an address", "is not a mail address"),
        ("anna;Anna;anna@x.org;x", "“x” is not a mail address"),
        ("anna;Anna;anna@x.org;;shared", "kind “shared” is none of: personal, functional, service"),
        ("anna;Anna;office@x.org;;functional", "has no sign_on"),
        ("anna;Anna;anna@x.org;;;;;king", "role “king” is none of"),
        ("anna;" + "A" * 300 + ";anna@x.org", "too long"),
        ("anna;An\x07na;anna@x.org", "can't be shown"),
        ("anna;Anna;anna@x.org;;;;;;;;a.martin@x.org", "more fields than the first line names columns"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_its_number(row: str, why: str) -> None:
    rows, errors = parse_members(lines("paul;Paul;paul@x.org", row))
    assert [each.sign_on for each in rows] == ["paul"]
    assert [error.line for error in errors] == [3]
    assert why in errors[0].what


def test_a_quota_has_a_unit() -> None:
    rows, errors = parse_members(
        lines(
            "anna;Anna;anna@x.org;5 GB",
            "paul;Paul;paul@x.org;5",
            "eve;Eve;eve@x.org;",
            headings="sign_on;name;address;quota",
        )
    )
    assert [row.quota_octets for row in rows] == [5_000_000_000, None]
    assert [(error.line, error.what) for error in errors] == [(3, "quota “5” is not a size: write “5 GB”")]


def test_two_lines_that_contradict_each_other() -> None:
    rows, errors = parse_members(lines("anna;Anna;anna@x.org", "anna;Anna;a@x.org", "paul;Paul;p@x.org;anna@x.org"))
    assert [(error.line, error.what) for error in errors] == [
        (3, "sign_on anna is already in line 2"),
        (4, "anna@x.org is already in line 2"),
    ]
    assert [row.line for row in rows] == [2]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name;address;colour\n", "“colour” that means nothing"),
        ("name\n", "no column “address”"),
        ("name;nom;address\n", "two columns"),
        ('name;address\n"x;y\n', "line"),
    ],
)
def test_a_file_that_is_no_list_is_refused_whole(text: str, why: str) -> None:
    with pytest.raises(BasculeError, match=why):
        parse_members(text)


def test_latin_1_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(b"name;address\nAnna;a@x.org\nH\xe9l\xe8ne;h@x.org\n")
    with pytest.raises(BasculeError, match=r"not UTF-8 \(line 3\)"):
        read_members(file)


def test_secrets_are_in_no_text() -> None:
    rows, _ = parse_members(lines("anna;Anna;anna@x.org;;;;;;imaps://old;hunter2"))
    assert rows[0].old_secret == "hunter2"
    assert "hunter2" not in repr(rows)
    found, _ = differences(rows, {"anna@x.org": present()}, WAVES, "main")
    assert ("old_secret", "", "…") in found[0].fields
    assert "hunter2" not in repr(found)


def present(address: str = "anna@x.org", sign_on: str = "anna", **more: object) -> Present:
    told = {"aliases": (), "kind": "personal", "wave": "main", "office": "", "site": "", "language": "fr", "role": "member", "owners": (), "quota_octets": None, "old_url": "", "old_way": ""}  # fmt: skip
    return Present(sign_on, "Anna", address, **{**told, **more})  # type: ignore[arg-type]


def changes(rows: str, *there: Present, complete: bool = False) -> tuple[list[tuple[str, str]], list[str]]:
    read, errors = parse_members(lines(*rows.split("\n")))
    found, errors = differences(
        read, {each.address: each for each in there}, WAVES, "main", complete=complete, wrong=errors
    )
    return [(each.change.value, each.address) for each in found], [error.what for error in errors]


def test_new_same_changed_and_leaving() -> None:
    told, errors = changes(
        "anna;Anna;anna@x.org\npaul;Paul;paul@x.org\nlea;Léa;lea@x.org;l@x.org", present(), present("lea@x.org", "lea", aliases=("lea.b@x.org",)),
        present("gone@x.org", "gone"), complete=True,
    )  # fmt: skip
    assert errors == []
    assert told == [("same", "anna@x.org"), ("new", "paul@x.org"), ("changed", "lea@x.org"), ("leaving", "gone@x.org")]


@pytest.mark.parametrize("wrong", ["paul;;paul@x.org", "paul;Paul;paul@x.org;;;;autumn"])
def test_while_a_line_is_wrong_nobody_leaves(wrong: str) -> None:
    """Whether it was wrong when it was read, or contradicts what is there: it may be the line of somebody who would leave."""
    told, errors = changes(f"anna;Anna;anna@x.org\n{wrong}", present(), present("paul@x.org", "paul"), complete=True)
    assert len(errors) == 1
    assert told == [("same", "anna@x.org")]


def test_a_list_of_people_says_nothing_of_offices_and_scanners() -> None:
    office, scanner = present("office@x.org", "", kind="functional"), present("scanner@x.org", "", kind="service")
    told, _ = changes("anna;Anna;anna@x.org", present(), office, scanner, complete=True)
    assert told == [("same", "anna@x.org")]
    told, _ = changes(
        "anna;Anna;anna@x.org\n;Desk;desk@x.org;;functional;anna", present(), office, scanner, complete=True
    )
    assert told == [("same", "anna@x.org"), ("new", "desk@x.org"), ("leaving", "office@x.org")]


def test_what_is_not_said_stays() -> None:
    there = present(wave="pilots", role="operator", aliases=("a@x.org",), owners=())
    assert changes("anna;Anna;anna@x.org", there) == ([("same", "anna@x.org")], [])


def test_another_primary_address_is_the_same_person() -> None:
    rows, _ = parse_members(lines("anna;Anna;anna.martin@x.org"))
    found, errors = differences(rows, {"anna@x.org": present()}, WAVES, "main")
    assert errors == []
    assert found[0].change is Change.CHANGED
    assert ("address", "anna@x.org", "anna.martin@x.org") in found[0].fields


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("paul;Paul;paul@x.org;;;;autumn", "there is no wave “autumn”; there are: main, pilots"),
        (";Office;office@x.org;;functional;nobody", "owner nobody is nobody's sign_on"),
        (";Office;office@x.org;;functional", "nobody looks after it"),
        ("paul;Paul;anna@x.org", "belongs to anna; it can't change hands"),
        ("paul;Paul;paul@x.org;anna@x.org", "anna@x.org belongs to anna@x.org"),
        (";Office;anna@x.org;;functional;anna", "is there as a personal mailbox"),
    ],
)
def test_what_contradicts_what_is_there(row: str, why: str) -> None:
    told, errors = changes(row, present())
    assert told == []
    assert why in errors[0]
