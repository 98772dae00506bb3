"""What the `manage.py` commands have in common: help with examples, output, errors.

Results go to standard output: as tables for people; with `--json` as one JSON document, or one per line where there may
be many. Messages, logs and progress go to standard error, so that a script can read the result.

Exit status: 0 done; 1 not done (not found, a check failed, unreachable); 2 wrong arguments; 130 Ctrl-C.
"""

import argparse
import logging
import os
import pwd
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, cast

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

from foundation import callers
from foundation.json_text import written
from foundation.terminal.errors import EXPECTED, explained

if TYPE_CHECKING:
    from rich.console import Console


class HelpFormatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of texts and examples."""


def _epilog(examples: str) -> str | None:
    return f"examples:\n{examples.strip(chr(10))}" if examples else None


def _user() -> str:
    """The operating system's user. Not what the environment says, which its user can set.

    A container may run as a user who has no name.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class Command(BaseCommand):
    """A command for people and scripts. `help` says what it does; `examples` are lines at the end of `--help`.

    A command with subcommands adds them in `add_arguments`, with `add_subcommand`, and has no `handle` of its own.
    """

    examples = ""
    requires_system_checks = []
    suppressed_base_arguments = {"--version", "--verbosity", "--settings", "--pythonpath", "--force-color"}

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, formatter_class=HelpFormatter, epilog=_epilog(self.examples), **options
        )

    def add_subcommand(
        self, commands: Any, name: str, perform: Callable[..., None], *, about: str, examples: str
    ) -> CommandParser:
        """`perform` receives all options as keywords; the list of subcommands shows the first line of `about`."""
        parser: CommandParser = commands.add_parser(
            name,
            help=about.partition("\n")[0],
            description=about,
            epilog=_epilog(examples),
            formatter_class=HelpFormatter,
        )
        parser.set_defaults(perform=perform)
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
                handler.setStream(sys.stderr)
        super().run_from_argv(argv)

    def execute(self, *args: Any, **options: Any) -> str | None:
        self._no_color = options["no_color"]
        operator = replace(callers.OPERATOR, user=f"manage.py: {_user()}")
        try:
            with callers.acting_as(operator):
                return super().execute(*args, **options)
        except EXPECTED as error:
            raise explained(error) from error

    def handle(self, *args: Any, perform: Callable[..., None], **options: Any) -> None:
        perform(**options)

    def tell(self, text: str) -> None:
        """Write a message to standard error."""
        self.stderr.write(text, style_func=str)

    def print_json(self, thing: Any) -> None:
        """Write a JSON document, on one line."""
        self.stdout.write(written(thing).decode())

    def print_table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write a table for people, with numbers aligned to the right and `None` as –."""
        from foundation.terminal.tables import table_of

        self.console().print(table_of(columns, rows))

    def print_fields(self, fields: Mapping[str, Any]) -> None:
        """Write one object for people, a line per field."""
        from foundation.terminal.tables import fields_of

        self.console().print(fields_of(fields))

    def console(self) -> "Console":
        """Standard output, for tables and styled text."""
        # Only commands that print a table import Rich: it takes a tenth of a start, and half of them print none.
        from foundation.terminal.tables import console

        return console(cast(IO[str], self.stdout), no_color=self._no_color)
