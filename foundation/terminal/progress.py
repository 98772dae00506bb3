"""Reading files of any size, and how far a command is."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from foundation.terminal.errors import Error


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
