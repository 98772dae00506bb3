"""Asking before something that cannot be undone."""

import sys

from foundation.terminal.command import Command
from foundation.terminal.errors import Error, WrongArguments


def confirm(command: Command, question: str, expected: str) -> None:
    """Raises Error unless the operator types what is expected, and WrongArguments where there is none."""
    if not sys.stdin.isatty():
        raise WrongArguments("Cannot ask, because standard input is not a terminal; pass --yes")
    command.stderr.write(question, style_func=str, ending="")
    command.stderr.flush()
    if sys.stdin.readline().rstrip("\n") != expected:
        raise Error("Nothing was forgotten")
