"""`manage.py node import`: adding what a file of another node holds."""

import time
from functools import partial
from typing import IO, Any

from django.conf import settings
from django.db import DatabaseError

from foundation.json_lines import WrongLine
from foundation.terminal.arguments import add_json_argument, at_least
from foundation.terminal.command import Command
from foundation.terminal.errors import Error, Interrupted
from foundation.terminal.progress import progress, rewindable, watched
from foundation.terminal.text import counted
from memory_app.errors import RetiredPattern, TooManyRetired
from memory_app.files import node_files
from memory_app.management.arguments import node_id
from memory_app.reads import nodes


def add_import(command: Command, commands: Any) -> None:
    parser = command.add_subcommand(
        commands,
        "import",
        partial(_import, command),
        about="Add what a file of another node holds (its format: docs/migrating.md).\n"
        "Checks every line before it imports the first one.",
        examples="""
  manage.py node import kitchen.ndjson                   into the node that the file names
  manage.py node import kitchen.ndjson --node pantry     into another node
  manage.py node import more.ndjson --add                to what the node already knows
  ssh old cat kitchen.ndjson | manage.py node import -   from standard input
""",
    )
    parser.add_argument("file", help="lines of JSON as docs/migrating.md describes them; - is standard input")
    parser.add_argument("--node", type=node_id, help="the node to add to (default: the one that the file names)")
    parser.add_argument(
        "--add", action="store_true", help="also add to a node that already knows something: frequencies add up"
    )
    parser.add_argument("--partial", action="store_true", help="also accept a file whose export was cut short")
    parser.add_argument(
        "--from-line", metavar="N", type=at_least(1), default=1, help="continue from this line, after an interruption"
    )
    add_json_argument(parser)


def _import(
    command: Command,
    *,
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
            with progress("Checking every line") as advance:
                content = node_files.check(watched(lines, advance))
        except WrongLine as error:
            raise Error(f"{error}. Nothing was imported") from None
        node_id = node if node is not None else content.node_id
        if node_id is None:
            raise Error("The file names no node; pass --node")
        if not content.complete and not partial:
            raise Error("The file has no last line, so its export was cut short; --partial imports it")
        if not add and nodes.knows_something(node_id):
            raise Error(f"Node {node_id!r} already knows something; pass --add to add to it")
        lines.seek(0)
        _add(node_id, lines, content, from_line)
    result = {
        "node_id": node_id,
        "patterns": content.patterns,
        "affinities": content.affinities,
        "retirements": content.retirements,
        "seconds": round(time.monotonic() - begun, 3),
    }
    if json:
        command.print_json(result)
    else:
        command.stdout.write(
            f"Node {node_id!r}: {counted(content.patterns, 'pattern')}, "
            f"{counted(content.affinities, 'affinity', 'affinities')} and {counted(content.retirements, 'retirement')} "
            f"imported in {result['seconds']} s"
        )


def _add(node_id: str, lines: IO[bytes], content: node_files.Content, from_line: int) -> None:
    window = max(content.window, settings.ENV.persistence)
    done = from_line - 1
    try:
        with progress("Importing lines", total=content.lines) as advance:
            advance(done)
            for last in node_files.add(node_id=node_id, lines=lines, window=window, from_line=from_line):
                advance(last - done)
                done = last
    except (RetiredPattern, TooManyRetired) as error:
        raise Error(f"{_stopped(done)}. {error}. {_advice(done)}") from None
    except DatabaseError as error:
        raise Error(f"{_stopped(done)} ({type(error).__name__}: {error}). {_advice(done)}") from error
    except KeyboardInterrupt:
        raise Interrupted(f"{_stopped(done)}. {_advice(done)}") from None


def _stopped(line: int) -> str:
    return f"Stopped after line {line}"


def _advice(line: int) -> str:
    return f"What was imported stays; continue with --add --from-line {line + 1}"
