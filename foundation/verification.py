"""Looking whether everything that must hold in the database holds, and mending what follows from something else.

A check looks at one snapshot, so writers neither wait for it nor mislead it. What it finds may have changed by the time
it is mended: a mend locks, as the operations do, and decides anew by what is there then.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import psycopg

from foundation.postgresql.maintenance import maintenance_connection

Connection = psycopg.Connection[Any]

# Rows that are fetched, and faults that are mended in one transaction.
BATCH = 500
EXAMPLES = 5

OF_NODE = "(%(node)s::text IS NULL OR node_id = %(node)s)"


@dataclass(frozen=True, slots=True)
class Fault:
    """`key`: what the mend needs to find it again; `what`: a line for people."""

    key: tuple[Any, ...]
    what: str
    mendable: bool = True


class NotChecked(Exception):
    """Why a check cannot be made now."""


@dataclass(frozen=True, slots=True)
class Check:
    """`holds`: what must hold, in a sentence. `find`: given a snapshot, and a node where only that one is looked at.

    `mend`: given the faults that it may mend, in a transaction. `of_node`: can it be made for one node alone?
    """

    name: str
    holds: str
    find: Callable[[Connection, str | None], Iterator[Fault]]
    mend: Callable[[Connection, list[Fault]], None] | None = None
    of_node: bool = True


@dataclass(slots=True)
class Result:
    """How many faults there were, how many there are now, and some of those; `not_checked`: why nothing is known."""

    check: Check
    found: int = 0
    left: int = 0
    examples: list[str] = field(default_factory=list)
    not_checked: str | None = None

    @property
    def holds(self) -> bool:
        return not self.left


def verify(checks: Sequence[Check], *, node_id: str | None = None, repair: bool = False) -> Iterator[Result]:
    """Make the checks, one after the other."""
    with maintenance_connection() as reading, maintenance_connection() as mending:
        reading.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reading.read_only = True
        for check in checks:
            yield _make(check, reading, mending if repair else None, node_id)


def rows(snapshot: Connection, sql: str, **parameters: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a result of any size."""
    with snapshot.cursor(name="verification") as cursor:
        cursor.itersize = BATCH
        cursor.execute(sql, parameters)
        yield from cursor


def _make(check: Check, reading: Connection, mending: Connection | None, node_id: str | None) -> Result:
    result = Result(check)
    try:
        with _found(check, reading, node_id) as faults:
            if mending is None or check.mend is None:
                _count(result, faults)
                result.found = result.left
                return result
            while batch := list(islice(faults, BATCH)):
                result.found += len(batch)
                if mendable := [fault for fault in batch if fault.mendable]:
                    with mending.transaction():
                        check.mend(mending, mendable)
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
