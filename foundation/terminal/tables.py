"""Tables for people at a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from foundation.terminal.text import readable


def console(output: IO[str], *, no_color: bool) -> Console:
    """A console on `output`. If that is not a terminal, it has no margin, so no line is wrapped."""
    width = None if output.isatty() else 10_000
    return Console(file=output, width=width, highlight=False, no_color=no_color or None)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Numbers stand right-aligned; `None` is shown as –."""
    shown = list(rows)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column, values in zip(columns, zip(*shown, strict=True) if shown else [()] * len(columns), strict=True):
        are_numbers = all(isinstance(value, int | float | None) for value in values)
        table.add_column(column, justify="right" if values and are_numbers else "left", overflow="fold")
    for row in shown:
        table.add_row(*(Text(readable(value)) for value in row))
    return table


def fields_of(fields: Mapping[str, Any]) -> Table:
    """One thing, a line per field."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, Text(readable(value)))
    return table
