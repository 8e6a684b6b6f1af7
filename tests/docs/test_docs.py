"""What the docs say is what there is: commands, options, outcome codes, targets of make, report fields."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bascule.campaign.new_platform import Code as MailboxCode
from bascule.campaign.wrong import WRONG_LINE
from bascule.commands.main import COMMANDS, cli
from bascule.deliver.proof import FolderCounts, Report, ReportedException
from bascule.mailbox.format import CATALOGUE_TABLES, FORMAT_VERSION, LIVE_TABLES
from bascule.platform.settings import KEYS
from bascule.platform.trace import Event
from bascule.portal.configuration import KEYS as PORTAL_KEYS
from bascule.terms import OutcomeCode

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_every_command_is_in_the_readme_and_has_help() -> None:
    for name in COMMANDS:
        assert f"`bascule {name}" in read("README.md"), name
        done = CliRunner().invoke(cli, [name, "--help"])
        assert done.exit_code == 0, done.output
        assert "Usage:" in done.output


def test_every_command_of_a_group_has_help_without_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    groups = {name: command for name in COMMANDS if isinstance(command := cli.get_command(None, name), click.Group)}  # type: ignore[arg-type]
    assert len(groups) >= 4
    for name, group in groups.items():
        for each in group.commands:
            done = CliRunner().invoke(cli, [name, each, "--help"])
            assert done.exit_code == 0, done.output
            assert f"{name} {each}" in done.output
    assert list(tmp_path.iterdir()) == []


def test_every_option_has_a_sentence() -> None:
    for name in COMMANDS:
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.name}"


def test_every_event_of_the_trace_and_every_state_of_the_queue_is_explained() -> None:
    text = read("docs/runbooks/mail-that-did-not-arrive.md")
    for event in Event:
        assert re.search(rf"^\| [^|]*`{event.value}`", text, re.MULTILINE), event
    assert {"waits, next …", "held"} <= set(re.findall(r"^\| ([\w …,]+) \|", text, re.MULTILINE))


def test_every_outcome_code_is_listed() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)`", read("docs/outcomes.md"), re.MULTILINE))
    assert listed == {code.value for code in OutcomeCode} | {code.value for code in MailboxCode} | {WRONG_LINE}


def test_every_table_of_the_format_is_described() -> None:
    text = read("docs/formats/mailbox.md")
    for table in re.findall(r"CREATE TABLE (\w+)", CATALOGUE_TABLES + LIVE_TABLES):
        assert f"`{table}" in text, table
    assert f"Version {FORMAT_VERSION}" in text


def test_every_field_of_the_report_is_described() -> None:
    text = read("docs/formats/report.md")
    for kind in (Report, FolderCounts, ReportedException):
        for field in fields(kind):
            assert f"`{field.name}" in text, field.name


def test_every_make_target_is_in_its_help() -> None:
    makefile = read("Makefile")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_every_dependency_is_explained() -> None:
    text = read("docs/decisions/0004-libraries.md")
    section = re.search(r"^dependencies = \[(.*?)^\]", read("pyproject.toml"), re.MULTILINE | re.DOTALL)
    assert section
    for name in re.findall(r'"([a-z0-9-]+)', section[1]):
        assert re.search(rf"^\| {name} \|", text, re.MULTILINE), name


def test_every_setting_is_described() -> None:
    text = read("docs/configuration.md")
    for section, keys in {**KEYS, **PORTAL_KEYS}.items():
        assert f"## `[{section}]`" in text
        for key in keys:
            assert f"| `{key}` |" in text, key


LOGS = {"info", "warning", "error", "log", "_log"}
"""Functions that are called with an event's name."""


def events_of(source: str) -> set[str]:
    """What a file logs."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    return {
        call.args[0].value
        for call in calls
        if isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
        and re.fullmatch(r"[a-z]+(-[a-z]+)*", call.args[0].value)
        and (getattr(call.func, "attr", None) or getattr(call.func, "id", None)) in LOGS
    }


def test_every_event_of_the_log_is_described_and_no_other() -> None:
    files = [path for path in (ROOT / "src/bascule").rglob("*.py") if not path.name.startswith("test_")]
    logged = set().union(*(events_of(path.read_text("utf-8")) for path in files))
    rows = [line.split("|")[1] for line in read("docs/log.md").splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)} == logged
