"""A command of ours that a page, a message or a help text names is there, with its options, and can be pasted into a shell."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bascule.commands.main import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = [each for each in sorted((ROOT / "src").rglob("*.py")) if not each.name.startswith("test_")]

NAMED = re.compile(r"(?<![\w./-])bascule (?P<words>[a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?)(?P<rest>[^\n`“”«»\"]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
TYPOGRAPHIC = "“”„«»‘’–—\u00a0\u202f"


def _named(text: str) -> Iterator[tuple[str, click.Command, list[str]]]:
    """Each command of ours in ``text``: as it stands there, what it is, its options. Prose that goes on behind “bascule” is none: “bascule moves mail”."""
    context = click.Context(cli)
    for found in NAMED.finditer(text):
        first, _, second = found["words"].partition(" ")
        command = cli.get_command(context, first)
        if command is None:
            continue
        if isinstance(command, click.Group) and second in command.list_commands(context):
            command = command.get_command(context, second) or command
        yield found[0], command, OPTION.findall(re.split(r"[;|&]| [#:] |\. [A-Z]", found["rest"])[0])


def _options(command: click.Command) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "--version"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_options_that_a_page_gives_a_command_are_its_own(page: Path) -> None:
    for words, command, options in _named(page.read_text("utf-8")):
        assert set(options) <= _options(command), words


def test_the_options_that_a_message_gives_a_command_are_its_own() -> None:
    seen = 0
    for module in MODULES:
        for words, command, options in _named(module.read_text("utf-8")):
            assert set(options) <= _options(command), f"{module}: {words}"
            seen += 1
    assert seen > 100


def _typed(page: Path) -> Iterator[str]:
    """The command lines of a page: of its fenced blocks, each in one line, and what stands between backquotes."""
    fence, *blocks = re.split(r"^ *```.*\n", page.read_text("utf-8"), flags=re.MULTILINE)
    for block in blocks[::2]:
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.match(r" *(?:\$ |sudo (?:-u \S+ )?)?(bascule [a-z].*)", line):
                yield found[1]
    for prose in (fence, *blocks[1::2]):
        yield from re.findall(r"`(bascule [a-z][^`]*)`", prose)


def test_a_line_to_be_typed_is_one_of_ours_that_the_shell_reads_as_it_stands() -> None:
    lines = [(page, line) for page in PAGES for line in _typed(page)]
    assert len(lines) > 100
    context = click.Context(cli)
    for page, line in lines:
        where, words = f"{page.name}: {line}", shlex.split(line, comments=True)[1:]
        assert not set(TYPOGRAPHIC) & set("".join(words).removesuffix("…")), where
        command = cli.get_command(context, words[0])
        assert command is not None, where
        if isinstance(command, click.Group) and words[1:] and re.fullmatch(r"[a-z-]+", words[1]):
            assert words[1] in command.list_commands(context), where


def test_what_a_message_tells_to_type_has_no_typographic_quotes() -> None:
    """Behind a colon, or as an advice of its own, a command is pasted as it stands: “bascule X” in running text is a name, and has its quotes around it."""
    told = re.compile(r": (bascule [^\n\"]*)")
    lines = [found for module in MODULES for found in told.findall(module.read_text("utf-8"))]
    assert len(lines) > 8
    for line in lines:
        assert not set(TYPOGRAPHIC) & set(line), line
