"""`manage.py node …`: whole nodes, from the command line."""

import time
from typing import IO, Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import DatabaseError

from katoproject.terminal import Command as TerminalCommand
from katoproject.terminal import Error, Interrupted, add_json_argument, at_least, progress, rewindable
from memory_app import importing, nodes


class Command(TerminalCommand):
    help = "Look after the memories of nodes."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        _add_import_arguments(
            self.add_subcommand(
                commands,
                "import",
                self._import,
                about="Add what a file of another node holds (its format: docs/migrating.md).\n"
                "Every line is looked at before the first one is imported.",
                examples="""
  manage.py node import kitchen.ndjson                   into the node that the file names
  manage.py node import kitchen.ndjson --node pantry     into another one
  manage.py node import more.ndjson --add                to what the node knows already
  ssh old cat kitchen.ndjson | manage.py node import -   from standard input
""",
            )
        )

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
        with rewindable(file) as lines:
            try:
                content = importing.check(lines)
            except importing.WrongLine as error:
                raise Error(f"{error}. Nothing was imported") from None
            node_id = node if node is not None else content.node_id
            if node_id is None:
                raise Error("The file names no node: say --node")
            if not content.complete and not partial:
                raise Error("The file has no last line, so its export was cut short; --partial imports it")
            if not add and nodes.count_patterns(node_id):
                raise Error(f"Node {node_id!r} knows something already; --add adds to it")
            lines.seek(0)
            self._add(node_id, lines, content, from_line)
        result = {
            "node_id": node_id,
            "patterns": content.patterns,
            "affinities": content.affinities,
            "seconds": round(time.monotonic() - begun, 3),
        }
        if json:
            self.print_json(result)
        else:
            self.stdout.write(_as_text(result))

    def _add(self, node_id: str, lines: IO[bytes], content: importing.Content, from_line: int) -> None:
        window = max(content.window, settings.ENV.persistence)
        done = from_line - 1
        try:
            with progress("Importing lines", total=content.lines) as advance:
                advance(done)
                for last in importing.add(node_id=node_id, lines=lines, window=window, from_line=from_line):
                    advance(last - done)
                    done = last
        except DatabaseError as error:
            raise Error(f"{_stopped(done)} ({type(error).__name__}: {error}). {_go_on(done)}") from error
        except KeyboardInterrupt:
            raise Interrupted(f"{_stopped(done)}. {_go_on(done)}") from None


def _add_import_arguments(parser: CommandParser) -> None:
    parser.add_argument("file", help="lines of JSON as docs/migrating.md describes them; - is standard input")
    parser.add_argument("--node", help="the node to add to; the file's own if not given")
    parser.add_argument("--add", action="store_true", help="also to a node that knows something: frequencies add up")
    parser.add_argument("--partial", action="store_true", help="also a file whose export was cut short")
    parser.add_argument(
        "--from-line", metavar="N", type=at_least(1), default=1, help="go on from this line, after a stop"
    )
    add_json_argument(parser)


def _stopped(line: int) -> str:
    return f"Stopped after line {line}"


def _go_on(line: int) -> str:
    return f"What was imported stays; go on with --add --from-line {line + 1}"


def _as_text(result: dict[str, Any]) -> str:
    return (
        f"Node {result['node_id']!r}: {result['patterns']} patterns and {result['affinities']} affinities "
        f"imported in {result['seconds']} s"
    )
