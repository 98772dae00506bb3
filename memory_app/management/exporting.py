"""`manage.py node export`: what a node has learned, without vectors, as lines of JSON."""

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from foundation.terminal.command import Command
from foundation.terminal.errors import Error, Interrupted
from foundation.terminal.progress import progress
from foundation.terminal.text import counted, readable
from memory_app import vector_table
from memory_app.files import exporting
from memory_app.management.arguments import node_id
from memory_app.reads import nodes


def add_export(command: Command, commands: Any) -> None:
    parser = command.add_subcommand(
        commands,
        "export",
        partial(_export, command),
        about="Export what a node knows as lines of JSON (docs/migrating.md), all from one moment.\n"
        "The file does not contain sessions or vectors; how many vectors the node has is reported at the end.\n"
        "Its last line marks it as complete.",
        examples="""
  manage.py node export kitchen > kitchen.ndjson
  manage.py node export kitchen --output kitchen.ndjson
  manage.py node export kitchen | ssh new manage.py node import -
""",
    )
    parser.add_argument("node", type=node_id, metavar="NODE", help="its exact id")
    parser.add_argument("--output", type=Path, metavar="FILE", help="a new file (default: standard output)")


def _export(command: Command, *, node: str, output: Path | None, **options: Any) -> None:
    vectors = vector_table.count(nodes.find(node).memory)
    parts = exporting.parts(node)
    try:
        with (
            output.open("xb") if output else nullcontext(sys.stdout.buffer) as out,
            progress("Exporting lines") as advance,
        ):
            for part in parts:
                out.write(part)
                advance(part.count(b"\n"))
    except BrokenPipeError:
        raise  # the reader has closed the pipe, which is no failure
    except FileExistsError:
        raise Error(f"{output} already exists; nothing was exported") from None
    except OSError as error:
        raise Error(f"{error}. The file is not complete") from error
    except KeyboardInterrupt:
        raise Interrupted("The file is not complete") from None
    finally:
        parts.close()
    command.tell(f"Node {readable(node)} exported")
    if vectors:
        command.tell(f"{counted(vectors, 'vector')} of the node {'is' if vectors == 1 else 'are'} not in the file")
