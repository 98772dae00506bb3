"""Looking after the cache: are entries what their rows say they are?

No entry can be wrong (see `cache.py`), so the number of those that are must stay 0. This is how a mistake in that
reasoning, or in the code, would be seen: `kato_cache_disagreements_total`.
"""

import logging
import random

from memory_app.reads.recall import Memory, recall
from sessions_app import cache, counters
from sessions_app.cache import PREDICTION_VIEWS, CachedEntry
from sessions_app.models.sessions import Stream
from sessions_app.reads.predicting import predicted, version_in, view_name
from sessions_app.reads.reading import current_percept, window
from sessions_app.stores import SESSIONS

log = logging.getLogger(__name__)

# Building the index of a node of any size, in this process too, would be too much for a look.
LARGEST_MEMORY = 2_000_000  # symbols learned
PREDICTIONS_AT_ONCE = 3

# One statement, so one snapshot: what belongs to that version.
_ROW = f"""
    SELECT version, node_id, config, percept::text, {window(Stream.EVENTS, "stm_start", "stm_end")},
        {window(Stream.EVENTS, "seen_start", "seen_end")},
        {window(Stream.EMOTIVES, "seen_emotives_start", "seen_emotives_end")}
    FROM sessions_app_session WHERE id = %(id)s
"""


def compare() -> int:
    """Compare some cached entries with their rows; answers how many disagreed (it must be 0), and deletes those."""
    disagreed, predictions = 0, 0
    entries = cache.some()
    random.shuffle(entries)  # so that each prediction has its turn some time
    for entry in entries:
        if entry.kind in PREDICTION_VIEWS:
            predictions += 1
            if predictions > PREDICTIONS_AT_ONCE:
                continue
        right = expected(entry)
        if right is None:
            continue
        counters.cache_comparisons.inc()
        if right != entry.payload:
            disagreed += 1
            counters.cache_disagreements.inc()
            log.error("The cache holds something wrong as %s; it is deleted", entry.name)
            cache.delete(entry)
    return disagreed


def expected(entry: CachedEntry) -> bytes | None:
    """What the entry should hold; None where nobody asks for it any more, or it cannot be told cheaply."""
    row = SESSIONS.execute_one(_ROW, {"id": entry.session_id})
    if row is None or row[0] != entry.version:
        return None
    _, node_id, config, percept, stm, seen, emotives = row
    match entry.kind:
        case "stm":
            return b"[%b]" % str(stm).encode()
        case "percept":
            return current_percept(percept, emotives)
        case view:
            return _predicted(entry, node_id, config, seen if view == "cognition" else stm)


def _predicted(entry: CachedEntry, node_id: str, config: str, events: str) -> bytes | None:
    if version_in(entry.view).learned > LARGEST_MEMORY:
        return None

    def as_cached(memory: Memory) -> bytes | None:
        if view_name(entry.kind, memory.version) != entry.view:
            return None
        return predicted(memory, config, events, view=entry.kind)

    return recall(node_id, as_cached)
