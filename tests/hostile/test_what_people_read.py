"""Terminals, logs, pages, reports, tables, files and settings for programs: what others wrote is shown, and does nothing."""

import contextlib
import csv
import io
import json
import plistlib
import re
import sqlite3
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from ldap3.operation.search import MATCH_EQUAL, parse_filter

from bascule.campaign.members_file import parse_members
from bascule.campaign.sheets import member_list, sheet
from bascule.commands.terminal import say, say_again, say_json
from bascule.deliver.proof import Report, as_text, words_of
from bascule.deliver.proof.page import as_page, escape
from bascule.deliver.proof.report import FolderCounts, ReportedException
from bascule.export.names import NAME_OCTETS, UniqueNames, safe_name
from bascule.mailbox import MailboxError
from bascule.mailbox.search import quoted, to_fts
from bascule.platform.logs import one_line
from bascule.platform.programs import Offer, Use, autoconfig, mobileconfig, zone_records
from bascule.portal.ldap import criterion_of
from bascule.terms.errors import BasculeError
from bascule.terms.flags import normalise_flags
from bascule.terms.folder import FolderPath
from bascule.terms.printable import printable, printable_json

HOSTILE = [
    "", "plain", "été 日本 👩‍🚀", "a\nb", "a\r\nb", "a\x1b[2Jb", "a\x9b2Jb", "a\0b", "a\x7fb", "a\tb", "a\u202eb", "a\u2066b", "a\u2028b", "a\x85b",
    "half\ud83d", "a\ufffe", "<script>alert(1)</script>", "<!--", "]]>", "&lt;", '" onmouseover="x', "' x='", "{{ 7*7 }}", "%(x)s {0} {x}", "=1+1", "+1",
    "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "a;b", 'a"b', ";\"';", "../../etc/passwd", "/etc/passwd", "..", ".", "CON", "nul.txt", "a" * 3000, "\\", "*",
    "(", ")", "a)(uid=*", "*)(|(uid=*", "a\\2a",
]  # fmt: skip
SHOWN = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]*")


@pytest.mark.parametrize("value", HOSTILE)
def test_a_line_for_people_is_one_line(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert SHOWN.fullmatch(printable(value))
    assert printable(value) == value or not value.isprintable()
    say(f"x{value}", f"{value}y")
    say_again(value, last=True)
    told = capsys.readouterr()
    first, second, rest = told.out.split("\n")
    assert rest == ""
    assert all(SHOWN.fullmatch(line.replace("\t", "")) for line in (first, second))
    assert re.fullmatch(r"\r[^\r\n\x1b]*\n", told.err)


@pytest.mark.parametrize("value", HOSTILE)
def test_json_says_the_same_and_is_one_line(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"name": value})
    told = capsys.readouterr().out
    assert json.loads(told) == {"name": value}
    assert SHOWN.fullmatch(told.rstrip("\n"))
    assert printable_json(json.dumps({value: [1]}, indent=1)).count("\n") == 4


def test_every_word_of_a_log_line_is_shown() -> None:
    assert one_line(None, "info", {"a\nb": "c\x1bd", "n": 7}) == {"a\\nb": "c\\x1bd", "n": 7}


@pytest.mark.parametrize("terminal", [True, False])
def test_a_log_line_is_one_line(terminal: bool) -> None:
    program = (
        f"import sys; sys.stderr.isatty = lambda: {terminal}\n"
        "from bascule.platform.logs import set_up_logs; import structlog; set_up_logs()\n"
        f"for value in {HOSTILE!r}: structlog.get_logger().warning('refused', user=value, **{{'client_' + value: 'x'}})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    lines = done.stderr.decode().split("\n")
    assert len(lines) == len(HOSTILE) + 1
    for line in lines:
        assert SHOWN.fullmatch(re.sub(r"\x1b\[\d+m", "", line) if terminal else line)


def a_report(value: str) -> Report:
    report = Report("copy", f"imap://{value}@host", value, "1", "2026-01-01T00:00:00Z", value, "details", stopped=value)
    report.folders = [FolderCounts(value, value, 3, 1, renamed=value, error=""), FolderCounts("y", error=value)]
    report.exceptions = [ReportedException(value, 7, value, value, 1, value, value, value, value, value)]
    return report


class Tags(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_report_has_the_lines_and_the_markup_that_we_gave_it(value: str, language: str) -> None:
    words = words_of(language)
    plain, told = a_report("plain"), a_report(value or "x")
    text = as_text(told, words)
    assert text.count("\n") == as_text(plain, words).count("\n")
    assert SHOWN.fullmatch(text.replace("\n", ""))
    page, expected = Tags(), Tags()
    page.feed(as_page(told, words))
    expected.feed(as_page(plain, words))
    assert page.tags == expected.tags
    assert printable(value) in page.text
    as_page(told, words).encode()


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_of_a_page_is_its_text_in_an_attribute_too(value: str) -> None:
    page = Tags()
    page.feed(f"<p title='{escape(value)}' class=\"{escape(value)}\">{escape(value)}</p>")
    page.close()
    assert page.tags == [("p", ("title", "class"))]
    assert page.text == printable(value)


@pytest.mark.parametrize("value", [*HOSTILE, 'x" OR y', "NEAR(a b)", "subject : x", "a* ^b", "{text} : x"])
def test_a_word_to_look_for_is_a_string_of_the_query(value: str) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as index:
        index.execute("CREATE VIRTUAL TABLE words USING fts5 (subject, people, text, attachments)")
        index.execute("INSERT INTO words VALUES ('plain', '', '', '')")
        index.execute("SELECT rowid FROM words WHERE words MATCH ?", (f"subject : {quoted(value)}*",)).fetchall()
        with contextlib.suppress(MailboxError):
            index.execute("SELECT rowid FROM words WHERE words MATCH ?", (to_fts(value),)).fetchall()


@pytest.mark.parametrize("value", HOSTILE)
def test_a_spreadsheet_runs_nothing(value: str) -> None:
    (row,) = csv.reader(io.StringIO(sheet([(value, "next")]), newline=""), delimiter=";")
    assert len(row) == 2
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert row[0].removeprefix("'") == printable(value).removeprefix("'")


@pytest.mark.parametrize("value", [value for value in HOSTILE if value.strip() and len(value) < 200])
def test_a_list_of_members_comes_back(value: str) -> None:
    rows, errors = parse_members(member_list([("sign_on", "name", "address"), ("a", f"x{value}x", "a@b.c")]))
    assert [each.name for each in rows] == [" ".join(f"x{value}x".split())] or errors


@pytest.mark.parametrize("value", HOSTILE)
def test_a_filter_asks_for_what_was_typed(value: str) -> None:
    settings: Any = SimpleNamespace(ldap_filter="(&(objectClass=person)(uid={login}))")
    whole = parse_filter(criterion_of(settings, value), None, False, None, None, False).elements[0]
    objects, asked = whole.elements
    assert (objects.tag, asked.tag) == (MATCH_EQUAL, MATCH_EQUAL)
    asked_for = re.sub(rb"\\([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), asked.assertion["value"])
    assert (asked.assertion["attr"], asked_for.strip()) == ("uid", value.encode("utf-8", "replace").strip())


@pytest.mark.parametrize("value", HOSTILE)
def test_a_file_made_from_a_name_lies_where_it_should(value: str, tmp_path: Path) -> None:
    name = safe_name(value)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert not name.startswith(".")
    assert len(name.encode()) <= NAME_OCTETS + 1
    (tmp_path / name).touch()
    assert SHOWN.fullmatch(name)
    taken = UniqueNames()
    assert taken.take(name) != taken.take(name.upper())


@pytest.mark.parametrize("value", [value for value in HOSTILE if value])
def test_settings_for_programs_are_what_they_say(value: str) -> None:
    offered = [Offer(Use.READ, value, 993, True, True), Offer(Use.SEND, value, 465, True, True)]
    root = ElementTree.fromstring(autoconfig(value, offered, value))
    assert [each.tag for each in root.iter()] == [
        "clientConfig", "emailProvider", "domain", "displayName", "displayShortName",
        *["incomingServer", "hostname", "port", "socketType", "username", "authentication"],
        *["outgoingServer", "hostname", "port", "socketType", "username", "authentication"],
    ]  # fmt: skip
    offered = [Offer(Use.READ, "h", 993, True, True), Offer(Use.SEND, "h", 465, True, True)]
    told = plistlib.loads(mobileconfig(f"{value}@b.c", offered, name=value, organization=value))
    assert told["PayloadContent"][0]["EmailAccountName"] == printable(value)


@pytest.mark.parametrize("value", [*HOSTILE, "a b.c", "a.b. IN A 1.2.3.4", "-a.b", "a..b", "a" * 64 + ".b"])
def test_a_zone_has_the_records_that_we_gave_it(value: str) -> None:
    for domain, host, selector in ((value, "h.b", "s"), ("b.c", value, "s"), ("b.c", "h.b", value)):
        try:
            lines = zone_records(domain, host, [], (selector, "v=DKIM1; p=x"))
        except BasculeError:
            assert value != "plain"
            continue
        assert len(lines) == 11
        record = re.compile(
            r'[A-Za-z0-9._-]+\. IN [A-Z]+ [A-Za-z0-9._ -]*(?:"[^"\\]*")?|; [A-Za-z0-9._-]+\.: not served yet [a-z ,]+'
        )
        assert all(map(record.fullmatch, lines))


@pytest.mark.parametrize("value", HOSTILE)
def test_a_folder_and_a_keyword_can_be_kept_and_shown(value: str) -> None:
    if value:
        path = FolderPath((value,))
        path.to_json().encode()
        assert FolderPath.from_json(path.to_json()) == path
        assert SHOWN.fullmatch(str(path))
    for name in normalise_flags([value]):
        assert SHOWN.fullmatch(name)
        assert " " not in name
