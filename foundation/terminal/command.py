"""What the `manage.py` commands have in common: help with examples, answers, errors, progress.

Answers go to standard output: tables for people; with `--json` one JSON document, or one per line where there may be
many. Everything else (messages, logs, progress) goes to standard error, so that a script can read what it asked for.

Exit status: 0 it is done; 1 the answer is no (not found, broken, not reachable); 2 wrong arguments; 130 Ctrl-C.
"""

import argparse
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedTable
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from engine.vectors import VectorDimensionError
from foundation.http.bodies import InvalidRequest
from foundation.http.errors import STORE_TROUBLE
from katoproject.configuration.locations import data_dir
from memory_app.reads.nodes import NodeUnknown
from memory_app.vectors import VectorsNotAvailable
from sessions_app.errors import EmptyStm, InvalidConfiguration, JobFinished, JobNotFound, SessionNotFound
from sessions_app.shapes.bodies import NodeId

REFUSALS = (SessionNotFound, JobNotFound, JobFinished, EmptyStm, NodeUnknown, VectorDimensionError, VectorsNotAvailable)

_NODE = TypeAdapter(NodeId)


class Error(CommandError):
    """Why what was asked for is not done. Django prints the name of the class before it: `Error: …`. Exit status 1."""


class WrongArguments(CommandError):
    """Exit status 2, as for what the parser refuses."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=2)


class Interrupted(CommandError):
    """Ctrl-C, where there is something to say about what was done until then. Exit status 130."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=130)


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
        except (
            InvalidConfiguration,
            InvalidRequest,
            ValidationError,
            ProgrammingError,
            *REFUSALS,
            *STORE_TROUBLE,
        ) as error:
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
        shown = list(rows)
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column, values in zip(columns, zip(*shown, strict=True) if shown else [()] * len(columns), strict=True):
            are_numbers = all(isinstance(value, int | float | None) for value in values)
            table.add_column(column, justify="right" if values and are_numbers else "left", overflow="fold")
        for row in shown:
            table.add_row(*(Text(readable(value)) for value in row))
        self.console().print(table)

    def print_fields(self, fields: Mapping[str, Any]) -> None:
        """One thing for people: a line per field."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in fields.items():
            table.add_row(name, Text(readable(value)))
        self.console().print(table)

    def console(self) -> Console:
        """Standard output, for what people read."""
        # Where nobody sees the margin, nothing is folded at one.
        width = None if self.stdout.isatty() else 10_000
        return Console(file=cast(IO[str], self.stdout), width=width, highlight=False, no_color=self._no_color or None)


@contextmanager
def rewindable(file: str) -> Iterator[IO[bytes]]:
    """A file that can be read twice: `-` is standard input, of which a copy is kept on disk. Raises Error."""
    if file != "-":
        try:
            with Path(file).open("rb") as lines:
                yield lines
        except OSError as error:
            raise Error(str(error)) from error
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.seek(0)
        yield copy


def utf8(text: str) -> str:
    """What can be stored and asked for: an argument may be any bytes. Raises ArgumentTypeError."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("it is not UTF-8") from None
    return text


def node_id(text: str) -> str:
    """Raises ArgumentTypeError."""
    try:
        return _NODE.validate_python(utf8(text))
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from None


def json_object(text: str) -> dict[str, Any]:
    """The type of an argument."""
    try:
        value = from_json(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


def add_json_argument(parser: argparse.ArgumentParser, *, lines: bool = False) -> None:
    text = "print JSON, one object per line" if lines else "print the result as one JSON document"
    parser.add_argument("--json", action="store_true", help=text)


def at_least(minimum: int) -> Callable[[str], int]:
    """A type of arguments: whole numbers from `minimum` on."""

    def number(text: str) -> int:
        if (found := int(text)) < minimum:
            raise argparse.ArgumentTypeError(f"{found} is less than {minimum}")
        return found

    return number


def explained(error: Exception) -> CommandError:
    """What the operator is told about a refusal, or about a database that does not serve; one line."""
    match error:
        case InvalidConfiguration():
            return WrongArguments("; ".join(f"config.{key}: {problem}" for key, problem in error.problems.items()))
        case InvalidRequest():
            return WrongArguments("; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in error.problems))
        case ValidationError():
            return WrongArguments("; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in error.errors()))
        case ProgrammingError():
            if isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
                return Error(f"The database is not up to date ({first_line(error)}): run `manage.py migrate`")
            raise error
        case _ if isinstance(error, REFUSALS):
            return Error(str(error))
    # Without an SQLSTATE it is not PostgreSQL that says so: there is no connection, or none any more.
    if getattr(error.__cause__, "sqlstate", None) is not None:
        return Error(f"PostgreSQL refuses: {first_line(error)}")
    return Error(f"PostgreSQL does not answer ({first_line(error)}). {how_to_reach_the_database()}")


def _place(location: Iterable[str | int]) -> str:
    """`["body", "observations", 0, "strings"]`: `observations.0.strings`."""
    return ".".join(str(part) for part in location if part not in ("body", "query"))


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def how_to_reach_the_database() -> str:
    if settings.ENV.database_url:
        where = f"{settings.DATABASES['default']['HOST']}:{settings.DATABASES['default']['PORT']}"
        return f"Start the server at {where}, or set DATABASE_URL to the one the service uses"
    return f"Start the service (`make run`), or set DATABASE_URL or KATO_DATA_DIR (now {data_dir()}) as it has them"


def readable(value: Any) -> str:
    """A value on one line of a terminal, which nothing in it can confuse."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.3f}"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    text = value if isinstance(value, str) else to_json(value).decode()
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text.replace("\u00a0", " "))


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


@contextmanager
def progress(what: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while the block runs, where that is a terminal. Call with how much more is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)


def watched(lines: Iterable[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    """The lines; a thousand at a time are told, because telling costs more than a line."""
    for number, line in enumerate(lines, start=1):
        if number % 1000 == 0:
            advance(1000)
        yield line
