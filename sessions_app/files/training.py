"""Teaching a node sequences without end, a batch at a time; each batch is learned and known by itself."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

from engine.stm import STM_LIMIT
from foundation.json_lines import WrongLine
from sessions_app import operations
from sessions_app.files.sequence_files import Sequence
from sessions_app.stores import SESSIONS

BATCH = 500  # sequences
BATCH_SIZE = 4 * 1024 * 1024  # bytes of the file, about

# The transaction that runs, and how many patterns it has made.
_MADE = """
    SELECT pg_current_xact_id()::text, (
        SELECT count(*) FROM memory_app_pattern
        WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s)
            AND changed = pg_current_xact_id() AND created = changed)
"""
_OUTCOME = "SELECT pg_xact_status(%(transaction)s::xid8)"
_OUTCOME_WITHIN = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Taught:
    """`patterns`: learned, repetitions counted; `new`: those of them that the node did not know before.

    `cut`: sequences of which only the last 1000 events were looked at, because an STM has no more.
    """

    sequences: int = 0
    events: int = 0
    patterns: int = 0
    new: int = 0
    cut: int = 0

    def __add__(self, other: "Taught") -> "Taught":
        return Taught(
            self.sequences + other.sequences,
            self.events + other.events,
            self.patterns + other.patterns,
            self.new + other.new,
            self.cut + other.cut,
        )


def batches(sequences: Iterable[Sequence]) -> Iterator[list[Sequence]]:
    """Raises WrongLine, after what comes before that line."""
    batch: list[Sequence] = []
    size = 0
    try:
        for sequence in sequences:
            batch.append(sequence)
            size += sequence.size
            if len(batch) == BATCH or size >= BATCH_SIZE:
                yield batch
                batch, size = [], 0
    except WrongLine:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def looked_at(config: Mapping[str, Any], batch: list[Sequence]) -> Taught:
    """What there is to learn from."""
    lengths = [sum(1 for one in sequence.observations if one.strings or one.vector) for sequence in batch]
    cut = sum(length > STM_LIMIT for length in lengths) if not config.get("max_pattern_length") else 0
    return Taught(len(batch), sum(lengths), cut=cut)


def teach(node_id: str, config: Mapping[str, Any], batch: list[Sequence]) -> Taught:
    """Let the node learn a batch, all of it or nothing. Raises VectorDimensionError, VectorsNotAvailable.

    Where the connection breaks while the batch is committed, PostgreSQL is asked how that ended: an error means that
    nothing was learned, unless PostgreSQL stays away.
    """
    own_id: str | None = None
    try:
        with transaction.atomic():
            patterns = operations.train(node_id=node_id, config=config, sequences=(one.observations for one in batch))
            [(own_id, new)] = SESSIONS.execute(_MADE, {"node_id": node_id})
    except (OperationalError, InterfaceError):
        if own_id is None or not _committed(own_id):
            raise
    return looked_at(config, batch) + Taught(patterns=patterns, new=new)


def _committed(transaction_id: str) -> bool:
    """Raises OperationalError where PostgreSQL cannot be asked."""
    deadline = time.monotonic() + _OUTCOME_WITHIN
    while True:
        connection.close()
        try:
            [(status,)] = SESSIONS.execute(_OUTCOME, {"transaction": transaction_id})
        except OperationalError:
            status = None
        if status in ("committed", "aborted"):
            return bool(status == "committed")
        if time.monotonic() > deadline:
            raise OutcomeUnknown
        time.sleep(0.2)


class OutcomeUnknown(OperationalError):
    """PostgreSQL was lost while a batch was committed, and did not come back to say whether it was."""

    def __init__(self) -> None:
        super().__init__("PostgreSQL was lost at the moment of a commit; the batch under way may have been learned")
