"""`manage.py node …`: whole nodes, from the command line."""

import shlex
import sys
import time
from itertools import islice
from typing import IO, Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import DatabaseError

from foundation.json_lines import WrongLine
from foundation.postgresql.locks import alone
from foundation.terminal.arguments import add_json_argument, at_least
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error, Interrupted, WrongArguments
from foundation.terminal.progress import progress, rewindable, watched
from foundation.terminal.tables import counted, readable
from memory_app import vector_indexes, vectors
from memory_app.files import node_files
from memory_app.index import NodeIndex
from memory_app.management.arguments import node_id
from memory_app.node_ids import display_id
from memory_app.reads import nodes


class Command(TerminalCommand):
    help = """Look after the long-term memories of nodes.

A node is what sessions of one node id share: the patterns they learned, and the vectors. It exists from its first
learn on. Ids are exact: case and blanks count."""
    examples = """
  manage.py node list --counts
  manage.py node show kitchen
  manage.py node import kitchen.ndjson
"""

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        self._add_list(commands)
        self._add_show(commands)
        self._add_clear(commands)
        self._add_reindex(commands)
        self._add_import(commands)

    def _add_list(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "list",
            self._list,
            about="List nodes, by id.",
            examples="""
  manage.py node list
  manage.py node list --counts --json | jq -r 'select(.patterns > 1000).node_id'
  manage.py node list --after kitchen       the page behind this node
""",
        )
        parser.add_argument("--limit", type=at_least(1), default=50, metavar="N", help="at most so many (50)")
        parser.add_argument("--after", type=node_id, default="", metavar="NODE", help="only those behind this id")
        parser.add_argument(
            "--counts", action="store_true", help="count their patterns and vectors, which takes longer"
        )
        add_json_argument(parser, lines=True)

    def _list(self, limit: int, after: str, counts: bool, json: bool, **options: Any) -> None:
        found = nodes.all_nodes(after=after)
        listed = (_listed(node, counts=counts) for node in islice(found, limit))
        last = None
        if json:
            for last in listed:
                self.print_json(last)
        else:
            page = list(listed)
            last = page[-1] if page else None
            columns = ("node", "finalized", "dimension", *(("patterns", "vectors") if counts else ()))
            self.print_table(columns, (list(one.values()) for one in page))
        if last and next(found, None):
            self.tell(f"There are more: --after {shlex.quote(last['node_id'])}")

    def _add_show(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "show",
            self._show,
            about="Show how much a node knows, and what that takes.\n"
            "For its symbols and the size of its index this builds one, as each process does that predicts from it.",
            examples="""
  manage.py node show kitchen
  manage.py node show kitchen --json | jq .patterns
""",
        )
        parser.add_argument("node", type=node_id, metavar="NODE", help="its exact id")
        add_json_argument(parser)

    def _show(self, node: str, json: bool, **options: Any) -> None:
        found = nodes.find(node)
        vector_count, dimension = vectors.count(found.memory)
        facts = {
            "node_id": found.node_id,
            "shown_as": display_id(found.node_id),
            "memory": found.memory,
            "patterns": nodes.count_patterns(node),
            "affinities": nodes.count_affinities(found.memory),
            "vectors": vector_count,
            "vector_dimension": dimension,
            "vectors_indexed": found.vectors_indexed,
            "finalized": found.finalized,
            **_index(node),
            "rows_to_delete": nodes.rows_to_delete(),
        }
        if json:
            self.print_json(facts)
            return
        names = {
            "node_id": "node",
            "shown_as": "shown to clients as",
            "memory": "number of its memory",
            "affinities": "affinities of symbols",
            "vector_dimension": "dimension of vectors",
            "vectors_indexed": "vectors have an index",
            "finalized": "training finalized",
            "learned": "symbols learned in all",
            "index_bytes": "index, bytes in memory",
            "rows_to_delete": "rows of cleared memories, of any node, still to be deleted",
        }
        self.print_fields({names.get(name, name): value for name, value in facts.items()})

    def _add_clear(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "clear",
            self._clear,
            about="Let a node forget everything: patterns, vectors, affinities, statistics.\n"
            "At once and for everybody, however much it is; the rows are deleted in the background. Sessions and what\n"
            "they hold stay. This cannot be undone.",
            examples="""
  manage.py node clear kitchen          asks
  manage.py node clear kitchen --yes
""",
        )
        parser.add_argument("node", type=node_id, metavar="NODE", help="its exact id")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        add_json_argument(parser)

    def _clear(self, node: str, yes: bool, json: bool, **options: Any) -> None:
        nodes.find(node)
        patterns = nodes.count_patterns(node)
        if not yes:
            self._ask(
                f"Forget {counted(patterns, 'pattern')} of node {readable(node)} for good? Type its id to go on: ", node
            )
        nodes.clear(node_id=node)
        if json:
            self.print_json({"node_id": node, "patterns_forgotten": patterns})
        else:
            self.stdout.write(f"{counted(patterns, 'pattern')} forgotten")

    def _ask(self, question: str, expected: str) -> None:
        if not sys.stdin.isatty():
            raise WrongArguments("Nobody is there to be asked: say --yes")
        self.stderr.write(question, style_func=str, ending="")
        self.stderr.flush()
        if sys.stdin.readline().rstrip("\n") != expected:
            raise Error("Nothing was forgotten")

    def _add_reindex(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "reindex",
            self._reindex,
            about="Build the indexes of a node anew, everywhere.\n"
            "Every process drops its in-memory index and what it predicted, and reads the rows again before its next\n"
            "prediction; an HNSW index of vectors is built anew as well. Indexes follow what is learned anyway:\n"
            "this is for rows that were changed past the service, by hand or by restoring a back-up under it.",
            examples="""
  manage.py node reindex kitchen
""",
        )
        parser.add_argument("node", type=node_id, metavar="NODE", help="its exact id")
        add_json_argument(parser)

    def _reindex(self, node: str, json: bool, **options: Any) -> None:
        memory = nodes.reindex(node_id=node)
        rebuilt = _index(node)
        with alone("upkeep:index-vectors") as nobody_else:
            if not nobody_else:
                raise Error(
                    "Patterns are indexed anew; another process is indexing vectors just now, so try again later"
                )
            with progress("Indexing vectors"):
                with_vectors = vector_indexes.rebuild(memory)
        facts = {
            "node_id": node,
            "patterns": nodes.count_patterns(node),
            **rebuilt,
            "vectors_indexed": with_vectors,
        }
        if json:
            self.print_json(facts)
            return
        self.stdout.write(
            f"Every process builds its index of {counted(facts['patterns'], 'pattern')} anew before its next prediction"
        )
        if with_vectors:
            self.stdout.write("The index of its vectors was built anew")

    def _add_import(self, commands: Any) -> None:
        parser = self.add_subcommand(
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
        parser.add_argument("file", help="lines of JSON as docs/migrating.md describes them; - is standard input")
        parser.add_argument("--node", type=node_id, help="the node to add to; the file's own if not given")
        parser.add_argument(
            "--add", action="store_true", help="also to a node that knows something: frequencies add up"
        )
        parser.add_argument("--partial", action="store_true", help="also a file whose export was cut short")
        parser.add_argument(
            "--from-line", metavar="N", type=at_least(1), default=1, help="go on from this line, after a stop"
        )
        add_json_argument(parser)

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
                with progress("Looking at every line") as advance:
                    content = node_files.check(watched(lines, advance))
            except WrongLine as error:
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

    def _add(self, node_id: str, lines: IO[bytes], content: node_files.Content, from_line: int) -> None:
        window = max(content.window, settings.ENV.persistence)
        done = from_line - 1
        try:
            with progress("Importing lines", total=content.lines) as advance:
                advance(done)
                for last in node_files.add(node_id=node_id, lines=lines, window=window, from_line=from_line):
                    advance(last - done)
                    done = last
        except DatabaseError as error:
            raise Error(f"{_stopped(done)} ({type(error).__name__}: {error}). {_go_on(done)}") from error
        except KeyboardInterrupt:
            raise Interrupted(f"{_stopped(done)}. {_go_on(done)}") from None


def _stopped(line: int) -> str:
    return f"Stopped after line {line}"


def _go_on(line: int) -> str:
    return f"What was imported stays; go on with --add --from-line {line + 1}"


def _as_text(result: dict[str, Any]) -> str:
    return (
        f"Node {result['node_id']!r}: {result['patterns']} patterns and {result['affinities']} affinities "
        f"imported in {result['seconds']} s"
    )


def _listed(node: nodes.NodeInfo, *, counts: bool) -> dict[str, Any]:
    facts = {"node_id": node.node_id, "finalized": node.finalized, "vector_dimension": node.dimension}
    if counts:
        facts |= {"patterns": nodes.count_patterns(node.node_id), "vectors": vectors.count(node.memory)[0]}
    return facts


def _index(node_id: str) -> dict[str, Any]:
    """What an index of the node holds and takes, from one that is built for it."""
    index = NodeIndex(node_id)
    with progress("Building an index"):
        view = index.follow().view
    return {
        "symbols": len(view.symbol_frequency),
        "learned": view.total_symbols,
        "index_bytes": index.memory_bytes(),
    }
