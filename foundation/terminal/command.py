"""What the `manage.py` commands have in common: help with examples, answers, errors, progress.

Answers go to standard output: tables for people; with `--json` one JSON document, or one per line where there may be
many. Everything else (messages, logs, progress) goes to standard error, so that a script can read what it asked for.

Exit status: 0 it is done; 1 the answer is no (not found, broken, not reachable); 2 wrong arguments; 130 Ctrl-C.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, cast

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter
from pydantic_core import to_json

from foundation.terminal.errors import EXPECTED, explained

if TYPE_CHECKING:
    from rich.console import Console


class HelpFormatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Texts and examples as they are written."""


def _epilog(examples: str) -> str | None:
    return f"examples:\n{examples.strip(chr(10))}" if examples else None


class Command(BaseCommand):
    """A command for people and scripts. `help`: what it does; `examples`: lines shown at the end of `--help`.

    One with subcommands adds them in `add_arguments`, with `add_subcommand`, and has no `handle` of its own.
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
        """`perform` gets all options as keywords; the first line of `about` is what the list of subcommands shows."""
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
        try:
            return super().execute(*args, **options)
        except EXPECTED as error:
            raise explained(error) from error

    def handle(self, *args: Any, perform: Callable[..., None], **options: Any) -> None:
        perform(**options)

    def tell(self, text: str) -> None:
        """A message on standard error."""
        self.stderr.write(text, style_func=str)

    def print_json(self, thing: Any) -> None:
        """One JSON document, on one line."""
        self.stdout.write(to_json(thing).decode())

    def print_table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """For people. Numbers stand right-aligned; `None` is shown as –."""
        from foundation.terminal.tables import table_of

        self.console().print(table_of(columns, rows))

    def print_fields(self, fields: Mapping[str, Any]) -> None:
        """One thing for people: a line per field."""
        from foundation.terminal.tables import fields_of

        self.console().print(fields_of(fields))

    def console(self) -> "Console":
        """Standard output, for what people read."""
        # Imported by commands that print a table: half of them do not, and it takes a tenth of their start.
        from foundation.terminal.tables import console

        return console(cast(IO[str], self.stdout), no_color=self._no_color)
