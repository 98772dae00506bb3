"""The indexes of this process: one per node in use, brought up to date before each prediction (P5).

`feed.py` says how that misses nothing.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings

from engine.index import Index
from engine.rows import NAME_BYTES
from engine.stopping import NEVER, Stop
from engine.view import View
from memory_app import feed, moments
from memory_app.feed import ActedOn, Changes, Patterns
from memory_app.moments import Moment


@dataclass(frozen=True, slots=True)
class NodeVersion:
    """What a node knew at one moment.

    Within one memory every learn adds to `learned`, the sum of length · frequency, and of two snapshots of a database
    one always contains the other. So equal numbers mean equal content, in every process, without a counter in the
    database that learns would have to update. What retires and purges patterns changes `acts`.
    """

    memory: int
    learned: int
    finalized: int
    rebuilt: int
    acts: int = 0


# Seconds for which a thread waits for another one that follows the same index, before it looks whether to go on.
_LOCK_PATIENCE = 0.1

NO_MEMORY = -1
"""The number of a node without a row."""

# What an index takes before it holds a pattern: Python's objects, empty arrays, the lock. Measured with tracemalloc,
# 7.1 kB in all on CPython 3.11.
_FIXED_BYTES = 6_900


@dataclass(slots=True)
class NodeIndex:
    """The index of one node and how far it has followed: it holds what `snapshot` shows, nothing more.

    unread_after: while the index is being built, the name of the last pattern that it has read; None if it is complete.
    An interrupted build leaves it there, and the next one who needs the index reads on. So a node that takes longer to
    read than any client waits is readable after some requests, and none of them works beyond its deadline.
    """

    node_id: str
    index: Index = field(default_factory=Index)
    memory: int = NO_MEMORY
    rebuilt: int = 0
    finalized_version: int = 0
    acts_version: int = 0
    moment: Moment | None = None
    has_emotives: bool = False
    version: NodeVersion | None = None
    known_since: float = 0.0
    snapshot: str = "1:1:"
    unread_after: bytes | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    created_at: float = field(default_factory=time.time)
    last_used: float = field(default_factory=time.time)
    uses: int = 0
    counted_bytes: int = 0

    @property
    def exists(self) -> bool:
        """Whether the node had a row when the index was followed last."""
        return self.memory != NO_MEMORY

    @property
    def horizon(self) -> str:
        """Every transaction below it had ended when the snapshot (`xmin:xmax:running`) was taken."""
        return self.snapshot.partition(":")[0]

    def follow(self, stop: Stop = NEVER) -> "NodeView":
        """Bring the index up to everything that was committed when this was called. Raises the reason of `stop`."""
        while not self.lock.acquire(timeout=_LOCK_PATIENCE):
            stop.check()
        try:
            changes, stored, finalized_version = self._read_changes(), None, self.finalized_version
            acts_version, acted_on = self.acts_version, dict[str, ActedOn]()
            while changes:
                if (changes.memory, changes.rebuilt) != (self.memory, self.rebuilt):
                    self._begin(changes)
                if self.unread_after is not None:
                    self._read_on(stop)
                    stored, finalized_version = None, 0
                    acts_version, acted_on = self.acts_version, {}
                elif changes.acts_version != acts_version:
                    acts = feed.read_acts(memory=self.memory, horizon=self.horizon)
                    if acts and acts.patterns is not None:
                        acts_version = acts.version
                        acted_on |= acts.patterns
                    elif acts:
                        self._begin(changes)
                elif changes.finalized_version == finalized_version:
                    break
                elif stored := moments.read(self.memory):
                    finalized_version = stored.version
                # Another transaction may have learned since: the index must hold all patterns of the stored moment.
                changes = self._read_changes()
            if changes:
                self._apply(changes, acted_on)
            else:
                self._reset(memory=NO_MEMORY, rebuilt=0, snapshot="1:1:")
            view = self.index.view()
            if stored:
                self.moment, self.finalized_version = moments.moment(stored, view), finalized_version
            version = NodeVersion(
                self.memory, view.total_symbols, self.finalized_version, self.rebuilt, self.acts_version
            )
            if version != self.version:
                self.version, self.known_since = version, time.monotonic()
            return NodeView(view, version, self.known_since, self.snapshot, self.moment, self.has_emotives)
        finally:
            self.lock.release()

    def memory_bytes(self) -> int:
        return (
            _FIXED_BYTES + self.index.memory_bytes() + (self.moment.statistics.membership.nbytes if self.moment else 0)
        )

    def _read_changes(self) -> Changes | None:
        """None if there is no such node."""
        return feed.read_changes(self.node_id, memory=self.memory, horizon=self.horizon)

    def _apply(self, changes: Changes, acted_on: dict[str, ActedOn]) -> None:
        # In this order: a pattern that was purged and then learned is among the changes.
        if gone := [name for name, now in acted_on.items() if not now.is_known]:
            self.index.remove(gone)
        if changes.patterns.names:
            self._upsert(changes.patterns)
        if retired := [name for name, now in acted_on.items() if now.is_retired]:
            self.index.retire(retired)
        if restored := [name for name, now in acted_on.items() if not now.is_retired]:
            self.index.restore(restored)
        self.snapshot, self.acts_version = changes.snapshot, changes.acts_version

    def _begin(self, changes: Changes) -> None:
        """Start to read a whole memory. The snapshot is older than all that is read, so the feed misses nothing."""
        self._reset(changes.memory, changes.rebuilt, changes.snapshot)
        self.unread_after, self.acts_version = b"", changes.acts_version

    def _read_on(self, stop: Stop) -> None:
        """Read the rest of the memory, at least one page of it, in the order of names."""
        while self.unread_after is not None:
            patterns, is_last = feed.next_patterns(self.memory, after=self.unread_after)
            if patterns.names:
                self._upsert(patterns)
                # Acts since the build began will be followed after it.
                if self.acts_version:
                    self.index.retire(feed.retired_among(self.memory, patterns))
            self.unread_after = None if is_last else patterns.names[-NAME_BYTES:]
            if self.unread_after is not None:
                stop.check()

    def _upsert(self, patterns: Patterns) -> None:
        self.index.upsert_json(patterns.names, patterns.events, patterns.frequencies)
        self.has_emotives |= patterns.have_emotives

    def _reset(self, memory: int, rebuilt: int, snapshot: str) -> None:
        # A new object: predictions under way keep the one they began with.
        self.index, self.memory, self.rebuilt, self.snapshot = Index(), memory, rebuilt, snapshot
        self.finalized_version, self.acts_version, self.moment, self.has_emotives = 0, 0, None, False
        self.unread_after = None


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node's index as it was when it was followed. `snapshot`: PostgreSQL's text of the snapshot that it shows.

    A view, because the index keeps changing: another thread may follow a later learn before this one has predicted, and
    what is cached under `version` must be of that version. `has_emotives`: whether any pattern may have emotives.
    `known_since`: since this moment (`time.monotonic`) or longer, the node has been what it is.
    """

    view: View
    version: NodeVersion
    known_since: float
    snapshot: str
    moment: Moment | None
    has_emotives: bool


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The index that this process holds of one node; times in epoch seconds."""

    node_id: str
    patterns: int
    symbols: int
    memory_bytes: int
    created_at: float
    last_used: float
    uses: int


class Indexes:
    """The indexes of this process. If they need more than their budget, those used longest ago are dropped."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._nodes: OrderedDict[str, NodeIndex] = OrderedDict()
        self._total = 0  # bytes that the held indexes counted with
        self._lock = threading.Lock()

    def follow(self, node_id: str, stop: Stop = NEVER) -> NodeView:
        """The node's index, up to date. The first use builds it, which reads all patterns of the node.

        Raises the reason of `stop`.
        """
        with self._lock:
            node = self._nodes.get(node_id)
            if node is None:
                node = self._nodes[node_id] = NodeIndex(node_id)
            self._nodes.move_to_end(node_id)
            node.last_used, node.uses = time.time(), node.uses + 1
        try:
            return node.follow(stop)
        finally:
            self._account(node)

    def _account(self, node: NodeIndex) -> None:
        """Count what the index takes now, and drop others if all together take too much.

        The total runs along: adding up all indexes of a process would hold every prediction for as long as that takes.
        """
        size = node.memory_bytes()
        with self._lock:
            if self._nodes.get(node.node_id) is not node:
                return  # another thread has dropped it since, and what it counted with it
            self._total += size - node.counted_bytes
            node.counted_bytes = size
            if not node.exists and not node.lock.locked():
                # A client may ask about nodes that never learned, under any name. Keep nothing of those. But another
                # thread that holds the lock may be finding out that the node does exist.
                self._drop(node.node_id)
            # The index just used stays, whatever its size: it is needed.
            while self._total > self._budget and len(self._nodes) > 1:
                self._drop(next(iter(self._nodes)))

    def _drop(self, node_id: str) -> None:
        self._total -= self._nodes.pop(node_id).counted_bytes

    @property
    def total_bytes(self) -> int:
        """What the held indexes took when each was followed last."""
        return self._total

    def held(self) -> list[IndexInfo]:
        """Every index of this process, the one used longest ago first."""
        with self._lock:
            nodes = [(node, node.index.view()) for node in self._nodes.values()]
        return [
            IndexInfo(
                node_id=node.node_id,
                patterns=view.statistics.pattern_count,
                symbols=len(view.symbol_frequency),
                memory_bytes=node.memory_bytes(),
                created_at=node.created_at,
                last_used=node.last_used,
                uses=node.uses,
            )
            for node, view in nodes
        ]

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._nodes))


indexes = Indexes(settings.ENV.index_memory_mb * 1024 * 1024)
