"""Reading sessions. A read of one session is an access, which extends its life; every other read leaves it alone.

What needs the engine's indexes is not re-exported: `predicting` and `cache_audit` import compiled kernels, which most
commands can do without.
"""

from sessions_app.reads.contents import Percept, ShortTermMemory, percept, short_term_memory
from sessions_app.reads.sessions import (
    Existence,
    Population,
    SessionPage,
    count,
    existence,
    own_config,
    page,
    population,
    session,
)

__all__ = [
    "Existence",
    "Percept",
    "Population",
    "SessionPage",
    "ShortTermMemory",
    "count",
    "existence",
    "own_config",
    "page",
    "percept",
    "population",
    "session",
    "short_term_memory",
]
