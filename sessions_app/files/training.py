"""Training a node with any number of sequences: batch after batch, each in a transaction of its own."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

import memory_app.reads.nodes
from engine.stm import STM_LIMIT
from foundation.json_lines import WrongLine
from sessions_app import operations
from sessions_app.files.sequence_files import Sequence
from sessions_app.stores import SESSIONS

BATCH = 500  # sequences
BATCH_SIZE = 4 * 1024 * 1024  # bytes of the file, about

_OWN_TRANSACTION = "SELECT pg_current_xact_id()::text"
_OUTCOME = "SELECT pg_xact_status(%(transaction)s::xid8)"
_OUTCOME_WITHIN = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class TrainingTotals:
    """`patterns`: learned, repetitions counted; `new`: those of them that the node did not know before.

    `cut`: sequences that lost all but their last 1000 events, because an STM holds no more.
    """

    sequences: int = 0
    events: int = 0
    patterns: int = 0
    new: int = 0
    cut: int = 0

    def __add__(self, other: "TrainingTotals") -> "TrainingTotals":
        return TrainingTotals(
            self.sequences + other.sequences,
            self.events + other.events,
            self.patterns + other.patterns,
            self.new + other.new,
            self.cut + other.cut,
        )


def batches(sequences: Iterable[Sequence]) -> Iterator[list[Sequence]]:
    """Raises WrongLine, after the batch of the sequences before that line."""
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


def totals_of(config: Mapping[str, Any], batch: list[Sequence]) -> TrainingTotals:
    """The sequences and events of a batch, before any of it is learned."""
    lengths = [sum(1 for one in sequence.observations if one.strings or one.vector) for sequence in batch]
    cut = sum(length > STM_LIMIT for length in lengths) if not config.get("max_pattern_length") else 0
    return TrainingTotals(len(batch), sum(lengths), cut=cut)


def train_batch(node_id: str, config: Mapping[str, Any], batch: list[Sequence]) -> TrainingTotals:
    """Let the node learn a batch, all of it or nothing. Raises VectorDimensionError, VectorsNotAvailable.

    If the connection breaks during the commit, this asks PostgreSQL how the transaction ended. So an error means that
    nothing was learned, except OutcomeUnknown: PostgreSQL did not come back.
    """
    own_id: str | None = None
    try:
        with transaction.atomic():
            patterns = operations.train(node_id=node_id, config=config, sequences=[one.observations for one in batch])
            new = memory_app.reads.nodes.count_new_patterns(node_id)
            [(own_id,)] = SESSIONS.execute(_OWN_TRANSACTION, {})
    except (OperationalError, InterfaceError):
        if own_id is None or not _committed(own_id):
            raise
    return totals_of(config, batch) + TrainingTotals(patterns=patterns, new=new)


def _committed(transaction_id: str) -> bool:
    """Whether a transaction whose connection broke was committed. Raises OutcomeUnknown."""
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
    """The connection broke during a commit, and PostgreSQL did not come back to say how it ended."""

    def __init__(self) -> None:
        super().__init__("the connection to PostgreSQL broke during a commit; the last batch may have been learned")
