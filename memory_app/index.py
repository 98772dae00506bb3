"""The indexes of this process: one per node in use."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from engine.stopping import NEVER, Stop
from memory_app.building import Build
from memory_app.node_index import NodeIndex, NodeView


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The index that this process holds of one node; times in epoch seconds.

    memory_bytes: of this process alone; shared_bytes: of the file that it shares with the other processes of the host.
    """

    node_id: str
    patterns: int
    symbols: int
    memory_bytes: int
    shared_bytes: int
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
        size = node.memory_bytes() + node.content.size
        with self._lock:
            if self._nodes.get(node.node_id) is not node:
                return  # another thread has dropped it since, and what it counted with it
            self._total += size - node.counted_bytes
            node.counted_bytes = size
            if not node.exists and node.build is None and not node.lock.locked():
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
            nodes = [(node, node.content.index.view()) for node in self._nodes.values()]
        return [
            IndexInfo(
                node_id=node.node_id,
                patterns=view.statistics.pattern_count,
                symbols=len(view.symbol_frequency),
                memory_bytes=node.memory_bytes(),
                shared_bytes=node.content.size,
                created_at=node.created_at,
                last_used=node.last_used,
                uses=node.uses,
            )
            for node, view in nodes
        ]

    def builds(self) -> list[Build]:
        """The large nodes that this process is reading."""
        with self._lock:
            nodes = list(self._nodes.values())
        return [build for node in nodes if (build := node.build) is not None and not build.is_done]

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._nodes))


indexes = Indexes(settings.ENV.index_memory_mb * 1024 * 1024)
