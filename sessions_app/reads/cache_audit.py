"""Auditing the cache: does an entry match its session's row?

By design no entry can be wrong (see `cache.py`), so `kato_cache_disagreements_total` must stay 0. The audit would show
a mistake in that reasoning, or in the code.
"""

import logging
import random
from typing import NamedTuple

from foundation.contracts import ContractName
from memory_app.errors import PredictionTimedOut
from memory_app.reads.recall import Memory, recall
from sessions_app import cache, counters
from sessions_app.cache import PREDICTION_VIEWS, CachedEntry
from sessions_app.reads.contents import SEEN_EMOTIVES, SEEN_EVENTS, STM, current_percept
from sessions_app.reads.predicting import computed, version_in, view_name
from sessions_app.stores import SESSIONS

log = logging.getLogger(__name__)

# An audit must not build the index of a huge node in this process.
LARGEST_MEMORY = 2_000_000  # symbols learned
PREDICTIONS_AT_ONCE = 3

# One statement and so one snapshot: the contents belong to the version.
_ROW = f"""
    SELECT version, node_id, contract, config, percept::text,
        {STM} AS stm, {SEEN_EVENTS} AS seen, {SEEN_EMOTIVES} AS emotives
    FROM sessions_app_session WHERE id = %(id)s
"""


class _Row(NamedTuple):
    version: int
    node_id: str
    contract: str | None
    config: str
    percept: str | None
    stm: str
    seen: str
    emotives: str


def compare() -> int:
    """Compare a sample of entries with their rows; returns how many disagreed (it must be 0) and deletes those."""
    disagreed, predictions = 0, 0
    entries = cache.sample()
    random.shuffle(entries)  # so that over time every prediction is compared
    for entry in entries:
        if entry.kind in PREDICTION_VIEWS:
            predictions += 1
            if predictions > PREDICTIONS_AT_ONCE:
                continue
        payload = expected(entry)
        if payload is None:
            continue
        counters.cache_comparisons.inc()
        if payload != entry.payload:
            disagreed += 1
            counters.cache_disagreements.inc()
            log.error("Cache entry %s does not match the database; deleted", entry.name)
            cache.delete(entry)
    return disagreed


def expected(entry: CachedEntry) -> bytes | None:
    """The payload that the entry should have; None where the entry is out of reach or too expensive to compute."""
    columns = SESSIONS.execute_one(_ROW, {"id": entry.session_id})
    if columns is None:
        return None
    row = _Row._make(columns)
    if row.version != entry.version:
        return None
    match entry.kind:
        case "stm":
            return b"[%b]" % row.stm.encode()
        case "percept":
            return current_percept(row.percept, row.emotives)
        case view:
            return _prediction(entry, row, row.seen if view == "cognition" else row.stm)


def _prediction(entry: CachedEntry, row: _Row, events: str) -> bytes | None:
    if version_in(entry.view).learned > LARGEST_MEMORY:
        return None

    def compute(memory: Memory) -> bytes | None:
        stored = row.contract
        for shown_by in ContractName:
            if view_name(entry.kind, memory.version, shown_by=shown_by, stored_contract=stored) == entry.view:
                return computed(memory, row.config, events, view=entry.kind, stored_contract=stored, shown_by=shown_by)
        return None

    try:
        return recall(row.node_id, compute)
    except PredictionTimedOut:
        return None
