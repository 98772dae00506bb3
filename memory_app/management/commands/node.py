"""`manage.py node …`: whole nodes, from the command line."""

import shlex
from itertools import islice
from typing import Any

from django.core.management.base import CommandParser

from foundation.postgresql.locks import alone
from foundation.terminal.arguments import add_json_argument, at_least
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error
from foundation.terminal.progress import progress
from foundation.terminal.text import counted, readable
from memory_app import vector_indexes, vector_table
from memory_app.management.arguments import node_id
from memory_app.management.confirming import confirm
from memory_app.management.exporting import add_export
from memory_app.management.importing import add_import
from memory_app.management.retiring import add_acts
from memory_app.node_ids import display_id
from memory_app.operations.nodes import clear, reindex
from memory_app.reads import nodes


class Command(TerminalCommand):
    help = """Manage the long-term memories of nodes.

A node is what all sessions with the same node id share: the patterns and vectors that they learned. It exists once it
has learned something, or one of its patterns was retired. Ids are exact: case and spaces count."""
    examples = """
  manage.py node list --counts
  manage.py node show kitchen
  manage.py node export kitchen > kitchen.ndjson
  manage.py node import kitchen.ndjson
"""

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        self._add_list(commands)
        self._add_show(commands)
        self._add_clear(commands)
        self._add_index(commands)
        self._add_reindex(commands)
        add_acts(self, commands)
        add_export(self, commands)
        add_import(self, commands)

    # Looking ---------------------------------------------------------------------------------------------------------

    def _add_list(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "list",
            self._list,
            about="List nodes, by id.",
            examples="""
  manage.py node list
  manage.py node list --counts --json | jq -r 'select(.patterns > 1000).node_id'
  manage.py node list --after kitchen       the page after this node
""",
        )
        parser.add_argument("--limit", type=at_least(1), default=50, metavar="N", help="at most this many (50)")
        parser.add_argument("--after", type=node_id, metavar="NODE", help="only nodes after this id")
        parser.add_argument(
            "--counts", action="store_true", help="count their patterns and vectors, which takes longer"
        )
        add_json_argument(parser, lines=True)

    def _list(self, limit: int, after: str | None, counts: bool, json: bool, **options: Any) -> None:
        found = nodes.all_nodes(after=after)
        rows = (_row(node, counts=counts) for node in islice(found, limit))
        last = None
        if json:
            for last in rows:
                self.print_json(last)
        else:
            page = list(rows)
            last = page[-1] if page else None
            columns = ("node", "finalized", "dimension", *(("patterns", "vectors") if counts else ()))
            self.print_table(columns, (list(row.values()) for row in page))
        if last and next(found, None):
            self.tell(f"There are more: --after {shlex.quote(last['node_id'])}")

    def _add_show(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "show",
            self._show,
            about="Show how much a node knows, and how much memory that takes.\n"
            "Builds an index of the node, as each process does that predicts from it, to show symbols and size.",
            examples="""
  manage.py node show kitchen
  manage.py node show kitchen --json | jq .patterns
""",
        )
        parser.add_argument("node", type=node_id, metavar="NODE", help="its exact id")
        add_json_argument(parser)

    def _show(self, node: str, json: bool, **options: Any) -> None:
        found = nodes.find(node)
        vectors = vector_table.count(found.memory)
        facts = {
            "node_id": found.node_id,
            "shown_as": display_id(found.node_id),
            "memory": found.memory,
            "patterns": nodes.count_patterns(node),
            "affinities": nodes.count_affinities(found.memory),
            "vectors": vectors,
            "vector_dimension": found.dimension if vectors else None,
            "vectors_indexed": found.vectors_indexed,
            "finalized": found.finalized,
            **_built_index(node),
            "rows_to_delete": nodes.rows_to_delete(),
        }
        if json:
            self.print_json(facts)
            return
        names = {
            "node_id": "node",
            "shown_as": "shown to clients as",
            "memory": "memory number",
            "affinities": "affinities of symbols",
            "vector_dimension": "dimension of vectors",
            "vectors_indexed": "vectors have an index",
            "finalized": "training finalized",
            "learned": "symbols learned in all",
            "index_bytes": "index, bytes in memory",
            "rows_to_delete": "rows of cleared memories, of any node, still to be deleted",
        }
        self.print_fields({names.get(name, name): value for name, value in facts.items()})

    # Changing --------------------------------------------------------------------------------------------------------

    def _add_clear(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "clear",
            self._clear,
            about="Make a node forget everything: patterns, vectors, affinities, statistics.\n"
            "Takes effect at once and for all clients, however much it is; the rows are deleted in the background.\n"
            "Sessions and what they hold stay. This cannot be undone.",
            examples="""
  manage.py node clear kitchen          asks first
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
            confirm(
                self,
                f"Permanently forget {counted(patterns, 'pattern')} of node {readable(node)}? "
                "Type the node's id to continue: ",
                node,
            )
        clear(node_id=node)
        if json:
            self.print_json({"node_id": node, "patterns_forgotten": patterns})
        else:
            self.stdout.write(f"{counted(patterns, 'pattern')} forgotten")

    def _add_index(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "index",
            self._index,
            about="Show the file of a node's index, which the processes of this host share.\n"
            "With --build, make one ahead, so that no request waits for it. Small nodes have none: they are read in a\n"
            "tenth of a second.",
            examples="""
  manage.py node index kitchen
  manage.py node index --build kitchen
""",
        )
        parser.add_argument("node", type=node_id, metavar="NODE", help="its exact id")
        parser.add_argument("--build", action="store_true", help="read the node first, unless it has a file")
        add_json_argument(parser)

    def _index(self, node: str, build: bool, json: bool, **options: Any) -> None:
        from memory_app.content import folder  # loads the kernels, which the other subcommands do without

        memory = nodes.find(node).memory
        if build:
            _built_index(node)
        file = folder.describe(memory)
        if json:
            shown = {"patterns": file.patterns, "bytes": file.size} if file else None
            self.print_json({"node_id": node, "file": shown})
        elif file:
            self.stdout.write(f"A file of {file.size / 2**20:,.1f} MB shows {counted(file.patterns, 'pattern')}")
        else:
            self.stdout.write("No file on this host")

    def _add_reindex(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "reindex",
            self._reindex,
            about="Rebuild the indexes of a node, in every process.\n"
            "Every process drops its in-memory index and its cached predictions, and reads the rows again before its\n"
            "next prediction; an HNSW index of vectors is rebuilt as well. Indexes follow what is learned by\n"
            "themselves: this is for rows that were changed past the service, by hand or by restoring a back-up while\n"
            "it ran.",
            examples="""
  manage.py node reindex kitchen
""",
        )
        parser.add_argument("node", type=node_id, metavar="NODE", help="its exact id")
        add_json_argument(parser)

    def _reindex(self, node: str, json: bool, **options: Any) -> None:
        memory = reindex(node_id=node)
        index = _built_index(node)
        with alone("upkeep:index-vectors") as is_alone:
            if not is_alone:
                raise Error(
                    "The index of patterns will be rebuilt, but not that of vectors, because another process is "
                    "indexing vectors now; run the command again later"
                )
            with progress("Indexing vectors"):
                vectors_indexed = vector_indexes.rebuild(memory)
        patterns = nodes.count_patterns(node)
        if json:
            self.print_json({"node_id": node, "patterns": patterns, **index, "vectors_indexed": vectors_indexed})
            return
        self.stdout.write(
            f"Every process will rebuild its index of {counted(patterns, 'pattern')} before its next prediction"
        )
        if vectors_indexed:
            self.stdout.write("The index of its vectors was rebuilt")


def _row(node: nodes.NodeInfo, *, counts: bool) -> dict[str, Any]:
    row = {"node_id": node.node_id, "finalized": node.finalized, "vector_dimension": node.dimension}
    if counts:
        row |= {"patterns": nodes.count_patterns(node.node_id), "vectors": vector_table.count(node.memory)}
    return row


def _built_index(node_id: str) -> dict[str, Any]:
    """What an index of the node holds, and its size: builds one."""
    from memory_app.node_index import NodeIndex  # loads the kernels, which the other subcommands do without

    index = NodeIndex(node_id)
    with progress("Building an index"):
        view = index.follow().view
    return {
        "symbols": len(view.symbol_frequency),
        "learned": view.total_symbols,
        "index_bytes": index.memory_bytes(),
    }
