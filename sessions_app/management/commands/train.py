"""`manage.py train`: let a node learn the sequences of a file."""

import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser

from foundation.errors import Refusal
from foundation.json_lines import WrongLine
from foundation.postgresql.trouble import STORE_TROUBLE
from foundation.terminal.arguments import add_json_argument, at_least
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error, Interrupted, WrongArguments, explained
from foundation.terminal.progress import progress
from memory_app.management.arguments import node_id
from memory_app.vector_table import space_of_node
from sessions_app.files import sequence_files
from sessions_app.files.sequence_files import Columns, Sequence, WrongHeader
from sessions_app.files.training import TrainingTotals, batches, totals_of, train_batch
from sessions_app.management.options import add_config_arguments, given_config, names

CONFIG = ("max_pattern_length", "stm_mode", "sort_symbols", "persistence")

_HELP = """\
Let a node learn the sequences of a file, of any size and without a worker.

Each sequence is learned as a new session would learn it with observe-sequence and learn_at_end. Each transaction learns
500 sequences; other processes predict from them as soon as it commits. A sequence that is in the file twice is learned
twice.

  text     a line is a sequence; each of its words is an event of one symbol
  csv      with --case: a row is an event of the sequence that this column names; the rows of a sequence can be anywhere
           without: a row is a sequence; the words of its symbols column are the events
  ndjson   a line is a list of events; an event is a list of symbols, or an object with strings, vectors, emotives,
           metadata, as in POST /sessions/{id}/observe

If a line is invalid, everything before it is learned, and the message says how to continue. The same is true of Ctrl-C,
which waits for the current batch.
"""


class Command(TerminalCommand):
    help = _HELP
    examples = """
  manage.py train --node shop baskets.txt
  manage.py train --node stdlib docs/tutorial/calls.csv --symbols calls --metadata function
  manage.py train --node orders log.csv --case order_id --symbols activity,resource --emotives cost
  manage.py train --node shop days.ndjson --dry-run
  zcat old.ndjson.gz | manage.py train --node shop - --format ndjson --json
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the file to learn; - is standard input")
        parser.add_argument("--node", required=True, type=node_id, help="the node that learns")
        parser.add_argument(
            "--format",
            choices=sequence_files.FORMATS,
            help="default: from the file name, .txt, .csv, .ndjson or .jsonl",
        )
        parser.add_argument("--skip", type=at_least(0), default=0, metavar="N", help="skip the first N sequences")
        parser.add_argument("--dry-run", action="store_true", help="check the whole file, learn nothing")
        add_json_argument(parser)
        table = parser.add_argument_group("csv", "names of columns, as in the first line; separate several with commas")
        table.add_argument("--case", metavar="COLUMN", help="the column that identifies the sequence of a row")
        table.add_argument("--symbols", type=names, metavar="COLUMNS", help="the columns with the symbols of an event")
        table.add_argument(
            "--emotives", type=names, metavar="COLUMNS", default=[], help="columns of numbers, kept as emotives"
        )
        table.add_argument(
            "--metadata",
            type=names,
            metavar="COLUMNS",
            default=[],
            help="columns kept as metadata",
        )
        table.add_argument("--delimiter", default=",", metavar="CHARACTER", help="between columns (default: a comma)")
        add_config_arguments(parser, CONFIG)
        parser.set_defaults(perform=self._train)

    def _train(self, file: str, node: str, dry_run: bool, skip: int, **options: Any) -> None:
        config = given_config(options, CONFIG)
        learn = partial(totals_of, config) if dry_run else partial(train_batch, node, config)
        began = time.monotonic()
        totals = TrainingTotals()
        failure: CommandError | None = None
        with _open(file) as lines, progress("sequences") as advance, _Interrupts() as interrupts:
            try:
                for batch in batches(_sequences(lines, file, node, skip, options)):
                    with interrupts.held_back():
                        totals += learn(batch)
                    advance(len(batch))
            except WrongHeader as error:
                raise WrongArguments(str(error)) from None
            except KeyboardInterrupt:
                failure = Interrupted(_stopped("Interrupted", totals, skip, dry_run))
            except (WrongLine, OSError, sqlite3.Error) as error:
                failure = Error(_stopped(str(error), totals, skip, dry_run))
            except (Refusal, *STORE_TROUBLE) as error:
                failure = Error(_stopped(str(explained(error)), totals, skip, dry_run))
        self._report(node, totals, time.monotonic() - began, dry_run, failure, **options)
        if failure:
            raise failure

    def _report(
        self,
        node: str,
        totals: TrainingTotals,
        seconds: float,
        dry_run: bool,
        failure: Exception | None,
        **options: Any,
    ) -> None:
        if options["json"]:
            result = {
                "node_id": node,
                "dry_run": dry_run,
                **asdict(totals),
                "again": totals.patterns - totals.new,
                "seconds": round(seconds, 3),
                "sequences_per_second": round(totals.sequences / seconds, 1),
                "error": str(failure) if failure else None,
            }
            self.print_json(result)
        elif failure is None:
            fields = {
                "node": node,
                "sequences": totals.sequences,
                "events": totals.events,
                "patterns learned": totals.patterns,
                "of them new": totals.new,
                "seconds": round(seconds, 3),
                "sequences a second": round(totals.sequences / seconds),
            }
            if dry_run:
                fields = {name: fields[name] for name in ("sequences", "events", "seconds")}
            self.print_fields(fields)
        if totals.cut:
            self.tell(f"Of {totals.cut} sequences only the last 1000 events were learned, as in a session")


def _stopped(reason: str, totals: TrainingTotals, skip: int, dry_run: bool) -> str:
    number = f"{totals.sequences} sequence{'' if totals.sequences == 1 else 's'}"
    if dry_run:
        return f"{reason}. Valid before that: {number}; nothing was learned"
    return f"{reason}. What was learned stays: {number}; continue with --skip {skip + totals.sequences}"


def _sequences(lines: IO[bytes], file: str, node: str, skip: int, options: dict[str, Any]) -> Iterator[Sequence]:
    match options["format"] or sequence_files.SUFFIXES.get(Path(file).suffix.lower()):
        case "text":
            return sequence_files.read_text(lines, skip=skip)
        case "ndjson":
            return sequence_files.read_ndjson(lines, skip=skip, dimension=lambda: space_of_node(node).dimension)
        case "csv":
            return sequence_files.read_csv(lines, skip=skip, columns=_csv_columns(options))
    raise WrongArguments(f"Cannot derive the format from the name {file!r}; pass --format")


def _csv_columns(options: dict[str, Any]) -> Columns:
    if not options["symbols"]:
        raise WrongArguments("A table needs --symbols COLUMNS")
    if options["case"] is None and len(options["symbols"]) > 1:
        raise WrongArguments(
            "Without --case, a row is a sequence of the words of one column; name one column in --symbols"
        )
    if len(options["delimiter"]) != 1:
        raise WrongArguments("--delimiter must be one character")
    return Columns(
        options["symbols"],
        options["case"],
        emotives=tuple(options["emotives"]),
        metadata=tuple(options["metadata"]),
        delimiter=options["delimiter"],
    )


@contextmanager
def _open(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as lines:
            yield lines
    except OSError as error:
        raise Error(f"{file}: {error.strerror}") from error


class _Interrupts:
    """Ctrl-C takes effect at once while the file is read, but only after a batch that is being learned."""

    def __enter__(self) -> "_Interrupts":
        self._is_held_back = self._was_interrupted = False
        self._previous_handler = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._previous_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._was_interrupted = True
        if not self._is_held_back:
            raise KeyboardInterrupt

    @contextmanager
    def held_back(self) -> Iterator[None]:
        self._is_held_back = True
        try:
            yield
        finally:
            self._is_held_back = False
        if self._was_interrupted:
            raise KeyboardInterrupt
