"""The one writer of what people read in a terminal. A folder's name, a subject or a server's words in it can't move the cursor, begin a line, or hide one."""

import json
from typing import Any

import click

from bascule.terms.printable import printable, printable_json
from bascule.terms.size import grouped


def say(*lines: str, err: bool = False) -> None:
    """Each on a line of its own; tabs stay, for columns. ``err``: on standard error."""
    for line in lines:
        click.echo(_shown(line), err=err)


def so_many(number: int, noun: str) -> str:
    """``1 folder``, ``1 932 folders``, ``2 mailboxes``."""
    ending = "" if number == 1 else "es" if noun.endswith("x") else "s"
    return f"{grouped(number)} {noun}{ending}"


def say_again(text: str, *, last: bool) -> None:
    """Progress on standard error, over what was said before."""
    click.echo(f"\r{_shown(text)}", err=True, nl=last)


def say_json(value: Any) -> None:
    """One line of JSON on standard output."""
    click.echo(printable_json(json.dumps(value, ensure_ascii=False)))


def _shown(line: str) -> str:
    return "\t".join(map(printable, line.split("\t")))
