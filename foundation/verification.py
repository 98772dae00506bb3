"""Checks of what must hold in the database, and repairs of what can be derived from other data.

A check reads one snapshot, so writers neither wait for it nor mislead it. What it finds may have changed before it is
repaired: a repair takes the same locks as the operations, and decides again by the rows as they are then.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import psycopg

from foundation.postgresql.maintenance import maintenance_connection

Connection = psycopg.Connection[Any]

# Rows fetched at once, and faults repaired in one transaction.
BATCH = 500
EXAMPLES = 5

OF_NODE = "(%(node)s::text IS NULL OR node_id = %(node)s)"


@dataclass(frozen=True, slots=True)
class Fault:
    """`key`: what the repair needs to find it again; `what`: a line for people."""

    key: tuple[Any, ...]
    what: str
    repairable: bool = True


class NotChecked(Exception):
    """The check cannot run now; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """`holds`: what must hold, in a sentence. `find`: takes a snapshot, and a node if only that node is checked.

    `repair`: takes the repairable faults, in a transaction. `of_node`: whether the check can be limited to one node.
    """

    name: str
    holds: str
    find: Callable[[Connection, str | None], Iterator[Fault]]
    repair: Callable[[Connection, list[Fault]], None] | None = None
    of_node: bool = True


@dataclass(slots=True)
class Result:
    """The number of faults before and after repair, and examples of those left; `not_checked`: why it could not run."""

    check: Check
    found: int = 0
    left: int = 0
    examples: list[str] = field(default_factory=list)
    not_checked: str | None = None

    @property
    def holds(self) -> bool:
        return not self.left


def verify(checks: Sequence[Check], *, node_id: str | None = None, repair: bool = False) -> Iterator[Result]:
    """Run the checks, one after the other."""
    with maintenance_connection() as reading, maintenance_connection() as repairing:
        reading.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reading.read_only = True
        for check in checks:
            yield _run(check, reading, repairing if repair else None, node_id)


def rows(snapshot: Connection, sql: str, **parameters: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a result of any size."""
    with snapshot.cursor(name="verification") as cursor:
        cursor.itersize = BATCH
        cursor.execute(sql, parameters)
        yield from cursor


def _run(check: Check, reading: Connection, repairing: Connection | None, node_id: str | None) -> Result:
    result = Result(check)
    try:
        with _found(check, reading, node_id) as faults:
            if repairing is None or check.repair is None:
                _count(result, faults)
                result.found = result.left
                return result
            while batch := list(islice(faults, BATCH)):
                result.found += len(batch)
                if repairable := [fault for fault in batch if fault.repairable]:
                    with repairing.transaction():
                        check.repair(repairing, repairable)
        if result.found:
            with _found(check, reading, node_id) as faults:
                _count(result, faults)
    except NotChecked as reason:
        result.not_checked = str(reason)
    return result


@contextmanager
def _found(check: Check, reading: Connection, node_id: str | None) -> Iterator[Iterator[Fault]]:
    with reading.transaction():
        yield check.find(reading, node_id)


def _count(result: Result, faults: Iterator[Fault]) -> None:
    result.examples = []
    for fault in faults:
        result.left += 1
        if len(result.examples) < EXAMPLES:
            result.examples.append(fault.what)
