"""The moment of an export: which memory a node had, and which transactions its snapshot shows.

A part that goes on with an interrupted export is of another moment. But where the node has not changed in between, it
is the same content; PostgreSQL can tell, because every row carries the transaction that last wrote it. What a purge
deletes has no rows any more, and a retirement has no transaction; but each act on patterns has a row that does, until
it is forgotten, and then the node says so.
"""

import re
from typing import NamedTuple

from foundation.errors import Refusal
from memory_app.stores import PATTERNS

# As short as it can be, with room for a thousand running transactions.
MAX_LENGTH = 20_000
PATTERN = "([0-9]{1,18})-([0-9]{1,18}):([0-9]{1,18}):((?:[0-9]{1,18},)*[0-9]{1,18})?"
_TEXT = re.compile(PATTERN)

_READ = """
    SELECT memory, pg_current_snapshot()::text FROM memory_app_node WHERE node_id = %(node_id)s
"""
_CHANGED = """
    changed >= pg_snapshot_xmin(%(snapshot)s::pg_snapshot)
    AND NOT pg_visible_in_snapshot(changed, %(snapshot)s::pg_snapshot)
"""
# Affinities have no index by `changed`, which every learn with emotives would pay for. Reading a million of them takes
# 0.08 s, less than counting those that were sent before.
_IS_UNCHANGED = f"""
    SELECT NOT EXISTS (SELECT FROM memory_app_pattern WHERE memory = %(memory)s AND {_CHANGED})
        AND NOT EXISTS (SELECT FROM memory_app_symbolaffinity WHERE memory = %(memory)s AND {_CHANGED})
        AND NOT EXISTS (SELECT FROM memory_app_patternact WHERE memory = %(memory)s AND {_CHANGED})
        AND NOT EXISTS (SELECT FROM memory_app_node
            WHERE memory = %(memory)s AND acts_forgotten >= pg_snapshot_xmin(%(snapshot)s::pg_snapshot))
"""


class NodeChanged(Refusal):
    """The node is not what it was at the moment of the export that a request goes on with: 409."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "The node has changed since the moment of this export: begin again, or leave out `moment` to get the rest "
            "as it is now"
        )


class ExportMoment(NamedTuple):
    memory: int
    snapshot: str

    def __str__(self) -> str:
        return f"{self.memory}-{self.snapshot}"


def parse(text: str) -> ExportMoment:
    """Raises ValueError."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("Input should be the `moment` of the first line of an export")
    first, end = int(found[2]), int(found[3])
    running = [int(number) for number in found[4].split(",")] if found[4] else []
    ids = [first, *running, end]
    if first < 1 or sorted(ids) != ids or (running and running[-1] >= end) or len(set(running)) < len(running):
        raise ValueError("Input should be the `moment` of the first line of an export")
    return ExportMoment(int(found[1]), text.partition("-")[2])


def of_now(node_id: str) -> ExportMoment | None:
    """That of the running transaction; None where there is no such node."""
    row = PATTERNS.execute_one(_READ, {"node_id": node_id})
    return None if row is None else ExportMoment(*row)


def is_unchanged(since: ExportMoment, now: ExportMoment) -> bool:
    return since.memory == now.memory and PATTERNS.execute(_IS_UNCHANGED, since._asdict()) == [(True,)]
