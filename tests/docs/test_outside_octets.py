"""`docs/outside-octets.md` is true: each language has one writer, used where the page says, with a hostile test; and is written nowhere else."""

import ast
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache

import pytest

from support.sources import ROOT, Origin, calls, modules, nodes

pytestmark = pytest.mark.xdist_group("sources")  # every syntax tree is made, and held, by one process
PAGE = ROOT.parents[1] / "docs" / "outside-octets.md"
PROJECT = ROOT.parents[1]


@dataclass(frozen=True)
class Language:
    name: str
    file: str
    writers: frozenset[str]
    places: frozenset[str]
    test: str


@cache
def languages() -> list[Language]:
    rows = re.findall(r"^\| (?!language)([^|]+) \| ([^|]+) \| ([^|]*) ?\| `([^`]+)` \|$", PAGE.read_text("utf-8"), re.M)
    found = []
    for name, writer, places, test in rows:
        file, *names = re.findall(r"`([^`]+)`", writer) or [""]
        is_code = file.endswith(".py") and bool(names)
        names = names if is_code else []
        found.append(
            Language(name, file if is_code else "", frozenset(names), frozenset(re.findall(r"`([^`]+)`", places)), test)
        )
    return found


CODE = [language for language in languages() if language.file]


def test_the_page_has_its_table() -> None:
    assert len(languages()) >= 20
    assert len(CODE) >= 18


@pytest.mark.parametrize("language", CODE, ids=lambda language: language.name)
def test_a_writer_is_there_and_used_where_the_page_says(language: Language) -> None:
    defined = {node.name for node in nodes(language.file) if isinstance(node, ast.FunctionDef)}
    assert language.writers <= defined
    users = {path for path in modules() if path != language.file and _uses(path, language)}
    stray = {path for path in users if not any(fnmatch(path, place) for place in language.places)}
    assert not stray, f"the page should name {sorted(stray)}"
    idle = {place for place in language.places if not any(fnmatch(path, place) for path in users)}
    assert not idle, f"the page should not name {sorted(idle)}"


def _uses(path: str, language: Language) -> bool:
    """Whether it imports a writer, from its module or from a package that gives it on; or calls it by its module's name."""
    if path.endswith("__init__.py"):
        return False
    module = "bascule." + language.file.removesuffix(".py").replace("/", ".")
    package, _, last = module.rpartition(".")
    packages = {module, package}
    for node in nodes(path):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module in packages
            and {n.name for n in node.names} & language.writers
        ):
            return True
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == last
            and node.attr in language.writers
        ):
            return True
    return False


@pytest.mark.parametrize("language", languages(), ids=lambda language: language.name)
def test_a_writer_has_a_hostile_test(language: Language) -> None:
    text = (PROJECT / language.test).read_text("utf-8")
    missing = {name for name in language.writers if not re.search(rf"\b{name}\b", text)}
    assert not missing, f"{language.test} says nothing of {missing}"


# -- a language is written nowhere else -------------------------------------------------------------------------------

ONLY_IN = {
    # what is called: the files that may
    "Argument": {"protocols/imap/commands.py"},
    "Command": {"protocols/imap/commands.py", "protocols/smtp/commands.py", "platform/imap/commands/__init__.py"},
    "quote": {
        "protocols/imap/commands.py", "protocols/imap/answers.py",
        "terms/location.py", "export/mbox.py", "commands/demo_command.py", "commands/passwords.py",  # urllib's; mbox's own; shlex's
    },
    "RawField": {"protocols/mime/header.py", "protocols/mime/dkim.py"},
    "EmailMessage": {"platform/smtp/queue/notices.py", "demo/sample.py", "sources/files/pst.py"},
    "exchange": {"platform/smtp/queue/sending.py", "platform/smtp/queue/client.py"},
    "mail": set(), "rcpt": set(), "sendmail": set(), "send_message": set(),
    "paged_search": {"portal/ldap.py"},
    "escape_filter_chars": {"portal/ldap.py"},
    "echo": {"commands/terminal.py"}, "secho": set(), "print": {"commands/showing.py"},  # rich's, of `printable`
    "writer": {"campaign/sheets.py"}, "DictWriter": set(),
    "configure": {"platform/logs.py"},
    "mark_safe": {"portal/credentials/carrying.py"},
    "SafeString": set(), "SubElement": {"platform/programs/autoconfig.py"},
    "system": set(), "popen": set(), "getoutput": set(),
    "raw": set(), "extra": set(), "RawSQL": set(),
}  # fmt: skip


@pytest.mark.parametrize("name", ONLY_IN)
def test_it_is_called_by_its_writer_alone(name: str) -> None:
    found = {path for path, _ in calls(name)}
    assert found <= ONLY_IN[name], (
        f"{name} is called in {sorted(found - ONLY_IN[name])}: use the writer of the language"
    )


WITH_LINE_ENDS = {
    "protocols/": "the writers, and readers of what has line ends",
    "platform/imap/": "responses: strings and names come from `answers`, all else is numbers and our words",
    "platform/smtp/accepting.py": "folds of the Received field, written by `written`",
    "platform/smtp/milter.py": "a message's own lines, and a milter's",
    "wire/imap/": "the end of a command that `commands` wrote",
    "deliver/sending.py": "the end of APPEND",
    "deliver/parcel.py": "a message's own lines",
    "deliver/likeness.py": "a message's own lines, to be compared",
    "sources/files/": "a message's own lines",
    "terms/body.py": "a message's own lines",
    "campaign/sheets.py": "rows of CSV",
    "demo/sample.py": "messages that we make up",
}


def test_a_line_of_a_protocol_ends_in_the_files_that_are_known_to_write_some() -> None:
    for path in modules():
        if any(path.startswith(known) for known in WITH_LINE_ENDS):
            continue
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                assert "\r\n" not in text, f"{path}:{node.lineno} writes a line of a protocol: by which writer?"


OUR_OWN_SQL = {
    "deliver/engine.py: query": "the codes of `OutcomeCode`",
    "deliver/agenda.py: query": "the constants of the same file, of callers in it",
    "deliver/expectation.py: query": "the codes of `OutcomeCode`",
    "deliver/expectation.py: _QUERY.format(where=where)": "two callers, in the same file, with literals",
    "mailbox/check.py: query": "the values of _REFERENCES",
    "mailbox/database.py: f'PRAGMA cache_size = -{cache_kib}'": "a number of ours",
    "mailbox/live/counting.py: f'DROP TRIGGER {name}'": "names of `COUNTING`",
    "mailbox/live/counting.py: trigger": "statements of `COUNTING`",
    "mailbox/live/folders.py: query": "names of a table and a column, literals of the same file",
    "mailbox/live/flagging.py: query": "conditions that are literals of the same file, and question marks",
    "mailbox/live/readers.py: query": "one number, written as `:d`",
    "mailbox/live/messages.py: query": "conditions that are literals of the same file",
    "mailbox/live/reading.py: query": "one number, written as `:d`",
    "mailbox/numbers.py: query": "names of our own tables and columns",
    "mailbox/upgrading.py: f'BEGIN IMMEDIATE; {STEPS[step]} PRAGMA user_version = {step + 1}; COMMIT;'": "STEPS are literals",
    "platform/accounts/embedded.py: f'INSERT OR REPLACE INTO accounts ({names}) VALUES ({marks})'": "names of _EXPORTED, and question marks",
    "platform/accounts/embedded.py: f'UPDATE accounts SET {what} WHERE login = ?'": "callers in the same class, with literals",
    "platform/accounts/embedded.py: query": "the name of a column, of callers in the same class",
    "platform/accounts/shares.py: query": "question marks",
    "platform/trace.py: query": "conditions of literals",
    "portal/accounts/database.py: query": "the callers' literals",
    "portal/accounts/database.py: query.replace('?', '%s')": "the same",
    "portal/copying.py: statement": "Django's own",
    "portal/prepared.py: self._sql": "Django's own, compiled once",
    "platform/accounts/attempts.py: f'SELECT 1 FROM {table} LIMIT 1'": "two callers, in the same file, with literals",
    "platform/trace.py: query.format(place)": "two literals, in the same line",
}
"""Where a query is made of more than what the test can follow, and why it is of our own words all the same."""


def test_a_query_is_of_our_own_words_and_values_are_bound() -> None:
    origin = cache(Origin)
    strange = {
        f"{path}: {ast.unparse(call.args[0])}"
        for path, call in calls("execute", "executemany", "executescript")
        if call.args and not origin(path).is_ours(call.args[0])
    }
    assert strange == set(OUR_OWN_SQL)


def test_the_test_of_queries_sees_one_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def f(d, name):\n    d.execute(f'SELECT {name}')\n    d.execute('SELECT ' + name)\n    d.execute('SELECT %s' % name)\n    d.execute('SELECT ?', (name,))\n"
    tree = ast.parse(text)
    monkeypatch.setitem(modules(), "made/up.py", tree)
    origin = Origin("made/up.py")
    asked = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [origin.is_ours(call.args[0]) for call in asked] == [False, False, False, True]


def test_no_template_says_that_a_value_is_markup() -> None:
    for file in ROOT.rglob("*.html"):
        text = file.read_text("utf-8")
        assert not re.search(r"\|\s*safe(seq)?\b|autoescape\s+off|\|\s*json_script", text), file
        assert not re.search(r"<script\b[^>]*>[^<]*\{\{", text), file
        assert not re.search(r"""=\s*\{\{(?![^<>]*["'])|on[a-z]+=["'][^"']*\{\{""", text), file


def test_no_program_is_run_through_a_shell() -> None:
    for path, call in calls("run", "Popen", "check_output", "create_subprocess_exec", "create_subprocess_shell"):
        assert not any(keyword.arg == "shell" for keyword in call.keywords), f"{path}:{call.lineno}"
        assert not (isinstance(call.func, ast.Attribute) and call.func.attr == "create_subprocess_shell"), path


def test_json_that_people_read_is_shown() -> None:
    """``ensure_ascii=False`` lets through what a terminal obeys: only where it is read by us, or goes through `printable_json`."""
    known = {
        "commands/terminal.py", "deliver/proof/certificate.py", "mailbox/messages.py", "sources/files/manifest.py", "terms/folder.py", "demo/platform.py",
    }  # fmt: skip
    assert {p for p, call in calls("dumps") if any(k.arg == "ensure_ascii" for k in call.keywords)} <= known


def test_the_page_names_no_file_that_is_gone() -> None:
    for name in re.findall(r"`((?:tests|docs)/[\w/.-]+|[a-z_]+/[\w/.-]+\.py)`", PAGE.read_text("utf-8")):
        assert (ROOT / name).exists() or (PROJECT / name).exists(), name
