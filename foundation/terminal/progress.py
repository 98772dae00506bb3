"""Reading files of any size, and showing how far a command is."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from foundation.terminal.errors import Error


@contextmanager
def rewindable(file: str) -> Iterator[IO[bytes]]:
    """A file that can be read twice. `-` is standard input, which is copied to disk. Raises Error."""
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


@contextmanager
def progress(what: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while the block runs, if that is a terminal. Call it with how much more is done."""
    if not sys.stderr.isatty():
        yield lambda more: None
        return
    # Scripts see no bar, so their commands start without rich.
    from foundation.terminal.progress_bar import progress_bar

    with progress_bar(what, total=total) as advance:
        yield advance


def watched(lines: Iterable[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    """The lines. Calls `advance` once for a thousand of them, because a call costs more than a line."""
    for number, line in enumerate(lines, start=1):
        if number % 1000 == 0:
            advance(1000)
        yield line
