"""The indexes of this process: one per node in use, brought up to date before each prediction (P5).

The change feed. Every pattern row carries `changed`, the id of the transaction that last wrote it. A look at the node
remembers the *horizon*: the id of the oldest transaction that was still running. The next look asks for rows changed
at or above that horizon. A transaction that took its id early and commits late was running at every look before its
commit, so no horizon has passed it, and it is never skipped. Rows between horizon and present may be seen twice, which
does no harm: a row states a frequency, it does not add to one.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from pydantic_core import from_json

from engine.index import Index
from engine.view import View
from memory_app import moments
from memory_app.moments import Moment
from memory_app.stores import PATTERNS

# Ids at or above the next one to be given out are left over from another life of the database (a restored back-up):
# a building index reads such rows, a following one would read them again and again.
_CHANGES = """
    SELECT node.memory, node.rebuilt, node.finalized_version, pg_current_snapshot()::text,
        encode(pattern.name, 'hex'), pattern.events::text, pattern.frequency, pattern.emotives::text <> '[]'
    FROM memory_app_node AS node
    LEFT JOIN memory_app_pattern AS pattern
        ON pattern.memory = %(memory)s AND node.memory = %(memory)s
        AND pattern.changed >= %(horizon)s::xid8 AND pattern.changed < pg_snapshot_xmax(pg_current_snapshot())
    WHERE node.node_id = %(node_id)s
"""
_EVERYTHING = """
    SELECT encode(name, 'hex'), events::text, frequency, emotives::text <> '[]'
    FROM memory_app_pattern WHERE memory = %(memory)s
"""


@dataclass(frozen=True, slots=True)
class NodeVersion:
    """What a node knew at one moment.

    Within one memory every learn adds to `learned`, the sum of length · frequency; what two snapshots of a database see
    is always nested. So equal numbers mean equal content, in every process, without a counter in the database.
    """

    memory: int
    learned: int
    finalized: int
    rebuilt: int


@dataclass(slots=True)
class NodeIndex:
    """The index of one node and how far it has followed: what `snapshot` shows, nothing more."""

    node_id: str
    index: Index = field(default_factory=Index)
    memory: int = -1
    rebuilt: int = 0
    finalized_version: int = 0
    moment: Moment | None = None
    has_emotives: bool = False
    snapshot: str = "1:1:"
    lock: threading.Lock = field(default_factory=threading.Lock)
    created_at: float = field(default_factory=time.time)
    last_used: float = field(default_factory=time.time)
    uses: int = 0

    @property
    def horizon(self) -> str:
        """Every transaction below it had ended when the snapshot was taken (`xmin:xmax:running`)."""
        return self.snapshot.partition(":")[0]

    def follow(self) -> "Followed":
        """Bring the index up to everything that was committed when this was called."""
        with self.lock:
            rows, kept, finalized_version = self._look(), None, self.finalized_version
            while rows and rows[0][:3] != (self.memory, self.rebuilt, finalized_version):
                if rows[0][:2] != (self.memory, self.rebuilt):
                    self._build(rows[0][0], rows[0][1], rows[0][3])
                    kept, finalized_version = None, 0
                elif kept := moments.kept(self.memory):
                    finalized_version = kept.version
                # Once more, for what was committed meanwhile: the index must show all patterns of the moment.
                rows = self._look()
            if not rows:
                self._start_anew(memory=-1, rebuilt=0, snapshot="1:1:")
            else:
                self._apply(rows)
            view = self.index.view()
            if kept:
                self.moment, self.finalized_version = moments.moment(self.memory, kept, view), finalized_version
            version = NodeVersion(self.memory, view.total_symbols, self.finalized_version, self.rebuilt)
            return Followed(view, version, self.snapshot, self.moment, self.has_emotives)

    def memory_bytes(self) -> int:
        return self.index.memory_bytes() + (self.moment.statistics.membership.nbytes if self.moment else 0)

    def _look(self) -> list[tuple[Any, ...]]:
        return PATTERNS.execute(_CHANGES, {"node_id": self.node_id, "memory": self.memory, "horizon": self.horizon})

    def _apply(self, rows: list[tuple[Any, ...]]) -> None:
        changed = [row[4:] for row in rows if row[4] is not None]
        if changed:
            self._upsert(changed)
        self.snapshot = rows[0][3]

    def _build(self, memory: int, rebuilt: int, snapshot: str) -> None:
        """Read the whole memory. `snapshot` is that of the look before, so that nothing in between can be missed."""
        self._start_anew(memory, rebuilt, snapshot)
        for batch in PATTERNS.fetch_in_batches(_EVERYTHING, {"memory": memory}):
            self._upsert(batch)

    def _upsert(self, fetched: list[tuple[Any, ...]]) -> None:
        """Rows of name, events, frequency, whether there are emotives; the events of all are parsed at once."""
        names, events, frequencies, with_emotives = zip(*fetched, strict=True)
        self.index.upsert(zip(names, from_json(f"[{','.join(events)}]"), frequencies, strict=True))
        self.has_emotives |= any(with_emotives)

    def _start_anew(self, memory: int, rebuilt: int, snapshot: str) -> None:
        # A new object: predictions that are under way keep the one they began with.
        self.index, self.memory, self.rebuilt, self.snapshot = Index(), memory, rebuilt, snapshot
        self.finalized_version, self.moment, self.has_emotives = 0, None, False


@dataclass(frozen=True, slots=True)
class Followed:
    """A node's index as it was when somebody looked; `snapshot` is PostgreSQL's text of that moment, has_emotives tells
    whether any pattern may have some.

    A view, because the index goes on: another thread may follow a later learn before this one has predicted, and what
    is cached under `version` must be of that version.
    """

    view: View
    version: NodeVersion
    snapshot: str
    moment: Moment | None
    has_emotives: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What this process keeps of one node in memory; times in epoch seconds."""

    node_id: str
    patterns: int
    symbols: int
    memory_bytes: int
    created_at: float
    last_used: float
    uses: int


class Indexes:
    """The indexes of this process, the coldest dropped when together they need more than KATO_INDEX_MEMORY_MB."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._nodes: OrderedDict[str, NodeIndex] = OrderedDict()
        self._lock = threading.Lock()

    def follow(self, node_id: str) -> Followed:
        """The node's index, up to date. Built on first use, which reads all its patterns."""
        with self._lock:
            node = self._nodes.setdefault(node_id, NodeIndex(node_id))
            self._nodes.move_to_end(node_id)
            node.last_used, node.uses = time.time(), node.uses + 1
        followed = node.follow()
        self._drop_cold()
        return followed

    def _drop_cold(self) -> None:
        with self._lock:
            sizes = {node_id: node.memory_bytes() for node_id, node in self._nodes.items()}
            total = sum(sizes.values())
            # The node just used stays, whatever its size: it is needed.
            while total > self._budget and len(self._nodes) > 1:
                node_id, _ = self._nodes.popitem(last=False)
                total -= sizes[node_id]

    def held(self) -> list[Held]:
        """Every index of this process, the one used longest ago first."""
        with self._lock:
            nodes = [(node, node.index.view()) for node in self._nodes.values()]
        return [
            Held(
                node.node_id,
                view.statistics.pattern_count,
                len(view.symbol_frequency),
                node.memory_bytes(),
                node.created_at,
                node.last_used,
                node.uses,
            )
            for node, view in nodes
        ]

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._nodes))


indexes = Indexes(settings.ENV.index_memory_mb * 1024 * 1024)
