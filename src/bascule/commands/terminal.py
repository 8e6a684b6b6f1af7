"""The one writer of what people read in a terminal. A folder's name, a subject or a server's words in it can't move the cursor, begin a line, or hide one."""

import io
import json
import os
import sys
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from bascule.terms.printable import printable, printable_json
from bascule.terms.size import grouped


def prepare_streams() -> None:
    """What is said does no harm to what is done: a character that standard output has none for is a question mark there (standard error escapes it by
    itself). A stream that was closed leads nowhere; its number would else be given to the next file that is opened, and whatever writes to that number would write into it."""
    for name, mode in (
        ("stdin", "r"),
        ("stdout", "w"),
        ("stderr", "w"),
    ):  # in the order of their numbers: the lowest that is free is given
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for as long as the process lives
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def say(*lines: str, err: bool = False) -> None:
    """Each on a line of its own; tabs stay, for columns. ``err``: on standard error."""
    for line in lines:
        click.echo(_shown(line), err=err)


def so_many(number: int, noun: str) -> str:
    """``1 folder``, ``1 932 folders``, ``2 mailboxes``."""
    ending = "" if number == 1 else "es" if noun.endswith("x") else "s"
    return f"{grouped(number)} {noun}{ending}"


def clock_time(utc: float, zone: ZoneInfo) -> str:
    """``2026-11-24 09:05:00`` where the institution is; which zone that is, a heading or the sentence says."""
    return datetime.fromtimestamp(utc, zone).strftime("%Y-%m-%d %H:%M:%S")


def say_again(text: str, *, last: bool) -> None:
    """Progress on standard error, over what was said before."""
    click.echo(f"\r{_shown(text)}", err=True, nl=last)


def say_json(value: Any) -> None:
    """One line of JSON on standard output; in ASCII where that has not all of its characters: nothing in it may become a question mark."""
    text = printable_json(json.dumps(value, ensure_ascii=False))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value)
    click.echo(text)


def _shown(line: str) -> str:
    return "\t".join(map(printable, line.split("\t")))
