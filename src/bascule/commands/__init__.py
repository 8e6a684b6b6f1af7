"""The command line: one file for each command. Each opens what it is given, calls one engine, and prints what came of it.

Always true: a failure that a person can act on is one sentence and an advice on standard error, never a traceback; the exit
status is one of `bascule.terms.errors.ExitStatus`; a password is never printed, logged, or visible in the list of processes
unless its owner typed it into a URL.
"""

from bascule.commands.main import main

__all__ = ["main"]
