"""Retirements: what learns and indexes go by agrees with them."""

from collections.abc import Iterator

from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from memory_app.operations.retiring import NEXT_ACTS_VERSION

_FIND_UNPURGED = f"""
    SELECT memory, name, node_id FROM memory_app_retirement AS retirement JOIN memory_app_node USING (memory)
    WHERE purged AND {OF_NODE} AND EXISTS (
        SELECT FROM memory_app_pattern AS one WHERE one.memory = retirement.memory AND one.name = retirement.name)
"""
_LOCK_NODES = "SELECT FROM memory_app_node WHERE memory = ANY(%(memories)s) ORDER BY node_id FOR UPDATE"
# What is there can be purged again.
_MARK_UNPURGED = """
    UPDATE memory_app_retirement AS retirement SET purged = false
    FROM unnest(%(memories)s::bigint[], %(names)s::bytea[]) AS given (memory, name)
    WHERE retirement.memory = given.memory AND retirement.name = given.name AND EXISTS (
        SELECT FROM memory_app_pattern AS one WHERE one.memory = retirement.memory AND one.name = retirement.name)
"""


def _find_unpurged(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for memory, name, node in rows(snapshot, _FIND_UNPURGED, node=node_id):
        name = bytes(name)
        yield Fault((memory, name), f"node {node!r}, pattern {name.hex()}: it counts as purged, and is there")


def _mark_unpurged(connection: Connection, faults: list[Fault]) -> None:
    memories, names = zip(*(fault.key for fault in faults), strict=True)
    parameters = {"memories": list(memories), "names": list(names)}
    connection.execute(_LOCK_NODES, parameters)
    connection.execute(_MARK_UNPURGED, parameters)


# Learns and indexes of a node whose version is 0 do not ask what is retired.
_FIND_UNNOTICED = f"""
    SELECT memory, node_id FROM memory_app_node AS node WHERE acts_version = 0 AND {OF_NODE}
        AND EXISTS (SELECT FROM memory_app_retirement AS one WHERE one.memory = node.memory)
"""
# An index that holds the node follows acts, of which there is none: it is rebuilt.
_LET_NOTICE = f"""
    UPDATE memory_app_node SET acts_version = {NEXT_ACTS_VERSION}, rebuilt = rebuilt + 1
    WHERE memory = ANY(%(memories)s) AND acts_version = 0
"""


def _find_unnoticed(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for memory, node in rows(snapshot, _FIND_UNNOTICED, node=node_id):
        yield Fault((memory,), f"node {node!r}: it has retired patterns, and its version says that it has none")


def _let_notice(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_LET_NOTICE, {"memories": [fault.key[0] for fault in faults]})


CHECKS = [
    Check("purged", "nothing is left of what was purged", _find_unpurged, _mark_unpurged),
    Check("retirements", "learns and indexes heed what is retired", _find_unnoticed, _let_notice),
]
