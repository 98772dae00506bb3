"""Retired patterns: learns and indexes look for them only at nodes that say they have some."""

from collections.abc import Iterator

from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from memory_app.operations.retiring import NEXT_ACTS_VERSION

_FIND_UNSEEN = f"""
    SELECT memory, node_id FROM memory_app_node AS node WHERE {OF_NODE} AND acts_version = 0
        AND EXISTS (SELECT FROM memory_app_retirement AS one WHERE one.memory = node.memory)
"""
_FIND_NOT_PURGED = f"""
    SELECT memory, node_id, retirement.name FROM memory_app_retirement AS retirement
        JOIN memory_app_pattern USING (memory, name) JOIN memory_app_node USING (memory)
    WHERE purged AND {OF_NODE}
"""
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE memory = %(memory)s FOR UPDATE"
# No act says which indexes hide already, so they are built again.
_MAKE_SEEN = f"""
    UPDATE memory_app_node SET acts_version = {NEXT_ACTS_VERSION}, rebuilt = rebuilt + 1
    WHERE memory = %(memory)s AND acts_version = 0
"""
_IS_NOT_PURGED = """
    UPDATE memory_app_retirement AS retirement SET purged = false WHERE memory = %(memory)s AND EXISTS (
        SELECT FROM memory_app_pattern AS pattern
        WHERE pattern.memory = retirement.memory AND pattern.name = retirement.name) AND purged
"""


def _find(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for memory, node in rows(snapshot, _FIND_UNSEEN, node=node_id):
        yield Fault((memory,), f"node {node!r}: it has retired patterns, and says that it has none")
    for memory, node, name in rows(snapshot, _FIND_NOT_PURGED, node=node_id):
        yield Fault((memory,), f"node {node!r}, pattern {bytes(name).hex()}: it is purged, and still there")


def _repair(connection: Connection, faults: list[Fault]) -> None:
    for memory in sorted({fault.key[0] for fault in faults}):
        for statement in (_LOCK_NODE, _MAKE_SEEN, _IS_NOT_PURGED):
            connection.execute(statement, {"memory": memory})


CHECKS = [Check("retirements", "what is retired is refused and hidden; what is purged is gone", _find, _repair)]
