"""Reading sessions. A read of one session is an access, which extends its life; every other read leaves it alone.

What needs the engine's indexes is not re-exported: `predicting` and `cache_audit` import compiled kernels, which most
commands can do without.
"""

from sessions_app.reads.contents import Percept, ShortTermMemory, percept, short_term_memory
from sessions_app.reads.sessions import (
    Cursor,
    Existence,
    Population,
    SessionPage,
    StoredConfig,
    count,
    cursor_of,
    existence,
    page,
    population,
    session,
    stored_config,
)

__all__ = [
    "Cursor",
    "Existence",
    "Percept",
    "Population",
    "SessionPage",
    "ShortTermMemory",
    "StoredConfig",
    "count",
    "cursor_of",
    "existence",
    "page",
    "percept",
    "population",
    "session",
    "short_term_memory",
    "stored_config",
]
