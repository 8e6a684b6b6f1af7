"""The institution's list of members, as a spreadsheet saves it: CSV with a line of headings, in French or English."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from bascule.campaign.sheets import member_list
from bascule.campaign.wrong import ListRefused, RowError, Wrong, gettext_noop
from bascule.protocols.smtp import is_address
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.size import parse_size

KINDS = {"personal": ("personnelle",), "functional": ("fonctionnelle",), "service": ("de service",)}
ROLES = {
    "member": ("usager",),
    "technician": ("technicien", "technicienne"),
    "operator": ("opérateur", "opératrice"),
    "auditor": ("auditeur", "auditrice"),
}
OLD_WAYS = {"password": ("mot de passe",), "administrator": ("administrateur",), "token": ("jeton",)}
LANGUAGES = {"fr": ("français", "french"), "en": ("anglais", "english")}
"""What a column may say, each with other words for it."""
_LONGEST = 250
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .ods begin, and .xls."""
_HEADINGS = {
    "sign_on": ("sign_on", "sign-on", "login", "uid", "identifiant"),
    "name": ("name", "nom complet", "nom"),
    "address": ("address", "mail", "email", "e-mail", "courriel", "adresse"),
    "aliases": ("aliases", "alias", "autres adresses"),
    "kind": ("kind", "genre", "type"),
    "wave": ("wave", "vague"),
    "office": ("office", "department", "bureau", "service"),
    "site": ("site", "campus", "site"),
    "language": ("language", "langue"),
    "role": ("role", "rôle"),
    "owners": ("owners", "responsables"),
    "quota": ("quota",),
    "old_url": ("old_url", "old mailbox", "ancienne boîte"),
    "old_way": ("old_way", "ancien accès"),
    "old_secret": ("old_secret", "old password", "ancien mot de passe"),
}


"""The words for a column that a list may have: the first is English, the last French."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line. Empty fields say nothing: what is there stays. ``line``: in the file, for what is said of it."""

    line: int
    sign_on: str
    name: str
    address: str
    aliases: tuple[str, ...] | None = None
    kind: str = "personal"
    wave: str = ""
    office: str = ""
    site: str = ""
    language: str = ""
    role: str = ""
    owners: tuple[str, ...] | None = None
    quota_octets: int | None = None
    old_url: str = ""
    old_way: str = ""
    old_secret: str = ""

    def __repr__(self) -> str:
        """Without the secret: it ends up in logs."""
        told = ", ".join(
            f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.name != "old_secret"
        )
        return f"Row({told})"


def read_members(path: Path) -> tuple[list[Row], list[RowError]]:
    """Rows that can be used, and what is wrong with the others. Raises BasculeError where the file as a whole can't be read."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise BasculeError(
            f"{path} can't be read: {error.strerror}.", "Name the list's file.", ExitStatus.USAGE
        ) from error
    return parse_members(decoded(octets, str(path)), str(path))


def decoded(octets: bytes, name: str) -> str:
    """Raises ListRefused where it is not UTF-8."""
    if octets.startswith(_WORKBOOKS):
        raise ListRefused(
            gettext_noop("%(name)s is a workbook, not CSV."), gettext_noop("Save it as “CSV UTF-8” in the spreadsheet."), name=name
        )  # fmt: skip
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise ListRefused(
            gettext_noop("%(name)s is not UTF-8 (line %(line)s)."), gettext_noop("Save it as “CSV UTF-8” in the spreadsheet."),
            name=name, line=str(line),
        ) from error  # fmt: skip


def parse_members(text: str, name: str = "the list") -> tuple[list[Row], list[RowError]]:
    """As `read_members`, of a text."""
    first = text.split("\n", 1)[0]
    delimiter = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    errors: list[RowError] = []
    try:
        columns = _columns(next(reader, []), name)
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            told = {column: value.strip() for column, value in zip(columns, values, strict=False) if column}
            try:
                if any(value.strip() for value in values[len(columns) :]):
                    raise Wrong(gettext_noop("it has more fields than the first line names columns"))
                rows.append(_row(reader.line_num, told))
            except Wrong as wrong:
                errors.append(wrong.at(reader.line_num, told.get("address") or told.get("sign_on", "")))
    except csv.Error as error:
        raise ListRefused(
            gettext_noop("%(name)s, line %(line)s: a field can't be read."), gettext_noop("A quotation mark is not closed, or stands within a field."),
            name=name, line=str(reader.line_num),
        ) from error  # fmt: skip
    errors += list(_contradictions(rows))
    lines = {error.line for error in errors}
    return [row for row in rows if row.line not in lines], sorted(errors, key=lambda error: error.line)


def template(language: str) -> str:
    """An empty list: the line that names the columns, in ``language`` (fr, en)."""
    return member_list([[names[-1 if language == "fr" else 0] for names in _HEADINGS.values()]])


def _columns(headings: list[str], name: str) -> list[str | None]:
    known = {heading: field for field, names in _HEADINGS.items() for heading in names}
    columns = [known.get(heading.strip().lower()) for heading in headings]
    strangers = [
        heading for heading, column in zip(headings, columns, strict=True) if column is None and heading.strip()
    ]
    if strangers:
        raise ListRefused(
            gettext_noop("%(name)s has a column “%(column)s” that means nothing here."), gettext_noop("There are: %(columns)s."),
            name=name, column=_printable(strangers[0].strip()[:60]), columns=", ".join(_HEADINGS),
        )  # fmt: skip
    for needed in ("address", "name"):
        if needed not in columns:
            raise ListRefused(
                gettext_noop("%(name)s has no column “%(column)s”."), gettext_noop("Its first line names the columns: sign_on; name; address; wave …"),
                name=name, column=needed,
            )  # fmt: skip
    twice = [column for column in columns if column and columns.count(column) > 1]
    if twice:
        raise ListRefused(gettext_noop("%(name)s has two columns for “%(column)s”."), gettext_noop("Remove one of them."), name=name, column=twice[0])  # fmt: skip
    return columns


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _row(line: int, told: Mapping[str, str]) -> Row:
    """Raises Wrong."""
    for column, value in told.items():
        if len(value) > _LONGEST or not value.isprintable():
            raise Wrong(gettext_noop("%(column)s is too long, or holds characters that can't be shown"), column=column)
    kind = _one_of(told, "kind", KINDS) or "personal"
    sign_on = told.get("sign_on", "").lower()
    if kind == "personal" and not sign_on:
        raise Wrong(gettext_noop("sign_on is missing: by what name does this person sign on?"))
    if kind != "personal" and sign_on:
        raise Wrong(
            gettext_noop("a %(kind)s mailbox has no sign_on; name those who look after it in “owners”"), kind=kind
        )
    if not told.get("name"):
        raise Wrong(gettext_noop("name is missing"))
    return Row(
        line, sign_on, told["name"], _address(told.get("address", "")), _list(told, "aliases", _address), kind, told.get("wave", "").lower(),
        told.get("office", ""), told.get("site", ""), _one_of(told, "language", LANGUAGES), _one_of(told, "role", ROLES),
        _list(told, "owners", str.lower), _quota(told.get("quota", "")), told.get("old_url", ""), _one_of(told, "old_way", OLD_WAYS),
        told.get("old_secret", ""),
    )  # fmt: skip


def _one_of(told: Mapping[str, str], column: str, choices: Mapping[str, Sequence[str]]) -> str:
    value = told.get(column, "").lower()
    for choice, others in choices.items():
        if value == choice or value in others:
            return choice
    if value:
        raise Wrong(
            gettext_noop("%(column)s “%(value)s” is none of: %(choices)s"), column=column, value=value, choices=", ".join(choices)
        )  # fmt: skip
    return ""


def _address(text: str) -> str:
    if not text:
        raise Wrong(gettext_noop("address is missing"))
    if not is_address(text):
        raise Wrong(gettext_noop("“%(text)s” is not a mail address"), text=text)
    return text.lower()


def _list(told: Mapping[str, str], column: str, read: Callable[[str], str]) -> tuple[str, ...] | None:
    """None: there is no such column, or it says nothing."""
    value = told.get(column, "")
    return tuple(dict.fromkeys(read(each) for each in re.split(r"[\s,;|]+", value) if each)) if value else None


def _quota(text: str) -> int | None:
    """With its unit: a number alone is rarely meant in octets. Raises Wrong."""
    try:
        if text.strip().isdigit():
            raise ValueError("no unit")
        return parse_size(text) if text else None
    except ValueError as error:
        raise Wrong(gettext_noop("quota “%(text)s” is not a size: write “5 GB”"), text=text) from error


def _contradictions(rows: list[Row]) -> Iterator[RowError]:
    """What two rows can't both say."""
    owner_of: dict[str, int] = {}
    signs_on: dict[str, int] = {}
    for row in rows:
        if row.sign_on and row.sign_on in signs_on:
            wrong = Wrong(gettext_noop("sign_on %(sign_on)s is already in line %(line)s"), sign_on=row.sign_on, line=str(signs_on[row.sign_on]))  # fmt: skip
            yield wrong.at(row.line, row.address)
        signs_on.setdefault(row.sign_on, row.line)
        for address in (row.address, *(row.aliases or ())):
            if owner_of.setdefault(address, row.line) != row.line:
                wrong = Wrong(gettext_noop("%(address)s is already in line %(line)s"), address=address, line=str(owner_of[address]))  # fmt: skip
                yield wrong.at(row.line, row.address)
