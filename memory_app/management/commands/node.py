"""`manage.py node …`: whole nodes, from the command line."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from memory_app import importing, nodes


class Command(BaseCommand):
    help = "Look after the memories of nodes."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True)
        _add_import_arguments(commands.add_parser("import", help="add what a file of another node holds"))

    def handle(self, *args: Any, subcommand: str, **options: Any) -> None:
        {"import": self._import}[subcommand](**options)

    def _import(
        self,
        file: str,
        node: str | None,
        add: bool,
        partial: bool,
        from_line: int,
        json: bool,
        **options: Any,
    ) -> None:
        begun = time.monotonic()
        with _rewindable(file) as lines:
            try:
                content = importing.check(lines)
            except importing.WrongLine as error:
                raise CommandError(f"{error}. Nothing was imported") from None
            node_id = node if node is not None else content.node_id
            if node_id is None:
                raise CommandError("The file names no node: say --node")
            if not content.complete and not partial:
                raise CommandError("The file has no last line, so its export was cut short; --partial imports it")
            if not add and nodes.count_patterns(node_id):
                raise CommandError(f"Node {node_id!r} knows something already; --add adds to it")
            lines.seek(0)
            self._add(node_id, lines, content, from_line, quiet=json)
        result = {
            "node_id": node_id,
            "patterns": content.patterns,
            "affinities": content.affinities,
            "seconds": round(time.monotonic() - begun, 3),
        }
        self.stdout.write(_as_json(result) if json else _as_text(result))

    def _add(self, node_id: str, lines: IO[bytes], content: importing.Content, from_line: int, *, quiet: bool) -> None:
        window = max(content.window, settings.ENV.persistence)
        done = from_line - 1
        try:
            for done in importing.add(node_id=node_id, lines=lines, window=window, from_line=from_line):
                if not quiet:
                    self.stderr.write(f"{done} lines")
        except (DatabaseError, KeyboardInterrupt) as error:
            raise CommandError(
                f"Stopped after line {done} ({type(error).__name__}: {error}). What was imported stays; "
                f"go on with --add --from-line {done + 1}"
            ) from error


def _add_import_arguments(parser: CommandParser) -> None:
    parser.add_argument("file", help="lines of JSON as docs/migrating.md describes them; - is standard input")
    parser.add_argument("--node", help="the node to add to; the file's own if not given")
    parser.add_argument("--add", action="store_true", help="also to a node that knows something: frequencies add up")
    parser.add_argument("--partial", action="store_true", help="also a file whose export was cut short")
    parser.add_argument("--from-line", type=int, default=1, help="go on from here, after an import that was stopped")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _as_json(result: dict[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False)


def _as_text(result: dict[str, Any]) -> str:
    return (
        f"Node {result['node_id']!r}: {result['patterns']} patterns and {result['affinities']} affinities "
        f"imported in {result['seconds']} s"
    )


@contextmanager
def _rewindable(file: str) -> Iterator[IO[bytes]]:
    """The file, to be read twice: nothing is imported before every line was looked at."""
    if file != "-":
        try:
            with Path(file).open("rb") as lines:
                yield lines
        except OSError as error:
            raise CommandError(str(error)) from error
        return
    with tempfile.TemporaryFile() as copy:
        for line in sys.stdin.buffer:
            copy.write(line)
        copy.seek(0)
        yield copy
