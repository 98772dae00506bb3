"""Purging retired patterns: taking back all that they added to their node, as if it had never learned them.

Frequencies, memberships and totals are sums over the rows of patterns, so deleting a row takes them back. Affinities
are stored sums: the journal of the pattern says what is to be subtracted. Vectors go if no other pattern names them.
The record of the retirement stays, so that the pattern is not learned again by accident.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import transaction
from pydantic_core import from_json

from engine.limits import MEBI
from engine.named_vectors import VECTOR_PREFIX
from memory_app.counters import count_acts_on_commit
from memory_app.models import PatternAct
from memory_app.operations import affinities, journal
from memory_app.operations.affinities import Felt
from memory_app.operations.retiring import NEXT_ACTS_VERSION, act_of_caller, lock, memory_of, record, retire
from memory_app.stores import PATTERNS, VECTORS
from memory_app.vector_table import DELETE_EMPTY_SPACE, space_of_memory

if TYPE_CHECKING:
    from engine.view import View

_VECTOR = re.compile(re.escape(VECTOR_PREFIX) + "[0-9a-f]{40}")
NOT_RETIRED = "not retired"

MOST_AT_ONCE = 10_000
"""Patterns that one call purges: while it does, the node can learn nothing."""
_MOST_BYTES = 32 * MEBI
"""Of the patterns that are purged at once; what is beyond remains."""
_READ_AT_ONCE = 20
"""Patterns that one statement reads. It reads all of them to find those that fit, however large they are."""
_MOST_PAIRS: int = settings.ENV.limit_affinities
"""Pairs of a symbol and an emotive that change at once, unless one pattern has more."""

_NAMES = "ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)b::text[]) AS hex)"
_FIND = (
    f"SELECT encode(name, 'hex'), purged FROM memory_app_retirement WHERE memory = %(memory)s AND name = ANY({_NAMES})"
)
_FIND_ALL = """
    SELECT encode(name, 'hex') FROM memory_app_retirement WHERE memory = %(memory)s AND NOT purged
    ORDER BY name LIMIT %(limit)s
"""
_READ = """
    SELECT hex, used, events::text, frequency, emotives::text, felt::text FROM (
        SELECT hex, place, pattern.*, COALESCE(sum(octet_length(events::text) + octet_length(emotives::text)
            + octet_length(COALESCE(felt::text, ''))) OVER (ORDER BY place), 0)::bigint AS used
        FROM unnest(%(names)b::text[]) WITH ORDINALITY AS given (hex, place)
        LEFT JOIN memory_app_pattern AS pattern ON memory = %(memory)s AND name = decode(hex, 'hex')
    ) AS wanted WHERE used <= %(room)s OR place = %(always)s ORDER BY place
"""
# What finalize-training stored counts the patterns, so it is forgotten.
_PURGE = f"""
    WITH doomed AS (
        SELECT decode(hex, 'hex') AS name, exact FROM unnest(%(names)b::text[], %(exact)s::bool[]) AS given (hex, exact)
    ), deleted AS (
        DELETE FROM memory_app_pattern WHERE memory = %(memory)s AND name = ANY({_NAMES}) RETURNING name, frequency
    ), marked AS (
        UPDATE memory_app_retirement SET purged = true WHERE memory = %(memory)s AND name = ANY({_NAMES})
    ), purged AS (
        SELECT name, COALESCE(frequency, 0) AS frequency, exact FROM doomed LEFT JOIN deleted USING (name)
    ), {record(PatternAct.Kind.PURGED, "purged", of_purge="acted_on.frequency, acted_on.exact")}
    UPDATE memory_app_node SET acts_version = {NEXT_ACTS_VERSION},
        finalized_version = finalized_version + CASE WHEN EXISTS (SELECT FROM deleted) THEN 1 ELSE 0 END,
        finalized_snapshot = CASE WHEN NOT EXISTS (SELECT FROM deleted) THEN finalized_snapshot END,
        finalized_statistics = CASE WHEN NOT EXISTS (SELECT FROM deleted) THEN finalized_statistics END
    WHERE node_id = %(node_id)s
"""
_REMAINING = "SELECT count(*) FROM memory_app_retirement WHERE memory = %(memory)s AND NOT purged"
_DELETE_VECTORS = f"DELETE FROM memory_app_vector WHERE memory = %(memory)s AND name = ANY({_NAMES})"


class Purged(NamedTuple):
    """`failed`: reasons by name. `remaining`: retired patterns of the node that are not purged yet."""

    names: list[str]
    failed: dict[str, str]
    remaining: int


class _Doomed(NamedTuple):
    """`felt`: what its learns added to the affinity of each symbol. `is_exact`: that is known, not estimated."""

    name: str
    symbols: set[str]
    felt: journal.Journal
    is_exact: bool


@transaction.atomic
def purge(
    *,
    node_id: str,
    names: Sequence[str] | None,
    limit: int,
    why: str | None = None,
) -> Purged:
    """Purge up to `limit` of these retired patterns of the node; of all that are retired where `names` is None.

    No more than MOST_AT_ONCE, and fewer where they are very large. All in one transaction: no other one sees a part of
    it. Irreversible. Raises PredictionTimedOut where reading the node takes too long, which vectors make necessary;
    nothing is changed then.
    """
    memory = lock_for_purge(node_id)
    if memory is None:
        return Purged([], dict.fromkeys(names or (), NOT_RETIRED), 0)
    wanted, failed = _candidates(memory, names, min(limit, MOST_AT_ONCE))
    purged = take_back(node_id, memory, wanted, why=why) if wanted else []
    [(remaining,)] = PATTERNS.execute(_REMAINING, {"memory": memory})
    return Purged(purged, failed, remaining)


def read_ahead(node_id: str) -> None:
    """Read the index of the node where a purge has to, while nobody waits. Raises PredictionTimedOut.

    A purge in a transaction that already has locks, such as that of a session, then has little left to read.
    """
    memory = memory_of(node_id)
    if memory is not None and _has_vectors(memory):
        _view(node_id)


def lock_for_purge(node_id: str) -> int | None:
    """As `lock`. Learns wait for the lock: an index that a purge has to read is read before."""
    read_ahead(node_id)
    return lock(node_id)


def take_back(node_id: str, memory: int, names: list[str], *, why: str | None, retire_first: bool = False) -> list[str]:
    """Purge as many of these patterns as can be purged at once, in a transaction that has locked the node for it.

    retire_first: they are not retired yet. A transaction must not retire them itself before this: the index, which this
    may follow, would show what may be rolled back. Returns the names of those that were purged.
    """
    doomed = _read(memory, names)
    # Before anything is written, see above.
    unused = _vectors_only_of(node_id, memory, doomed)
    purged = [one.name for one in doomed]
    if retire_first:
        retire(node_id=node_id, names=purged, why=why)
    for estimated in (False, True):
        felt = (Felt(one.symbols, one.felt) for one in doomed if one.is_exact is not estimated)
        affinities.take_back(memory, felt, estimated=estimated)
    if unused:
        VECTORS.execute(_DELETE_VECTORS, {"memory": memory, "names": unused})
        VECTORS.execute(DELETE_EMPTY_SPACE, {"memory": memory})
    exact = [one.is_exact for one in doomed]
    PATTERNS.execute(_PURGE, {**act_of_caller(node_id, why), "memory": memory, "names": purged, "exact": exact})
    count_acts_on_commit(PatternAct.Kind.PURGED, len(purged))
    return purged


def _candidates(memory: int, names: Sequence[str] | None, limit: int) -> tuple[list[str], dict[str, str]]:
    """The patterns to purge, and those that cannot be. Leaves out what is purged already."""
    if names is None:
        return [name for (name,) in PATTERNS.execute(_FIND_ALL, {"memory": memory, "limit": limit})], {}
    purged: dict[str, bool] = dict(PATTERNS.execute(_FIND, {"memory": memory, "names": list(names)}))
    given = list(dict.fromkeys(names))
    failed = {name: NOT_RETIRED for name in given if name not in purged}
    return [name for name in given if not purged.get(name, True)][:limit], failed


def _read(memory: int, names: list[str]) -> list[_Doomed]:
    """The first of these patterns: as many as can be purged at once."""
    found: list[_Doomed] = []
    pairs, room = 0, _MOST_BYTES
    for begin in range(0, len(names), _READ_AT_ONCE):
        batch = names[begin : begin + _READ_AT_ONCE]
        rows = PATTERNS.execute(_READ, {"memory": memory, "names": batch, "room": room, "always": int(not found)})
        for name, used, *columns in rows:
            one = _doomed(name, *columns)
            pairs += len(one.symbols) * len(one.felt)
            if found and pairs > _MOST_PAIRS:
                return found
            found.append(one)
            left = room - used
        if len(rows) < len(batch):
            return found
        room = left
    return found


def _doomed(name: str, events: str | None, frequency: int, emotives: str, felt: str | None) -> _Doomed:
    if events is None:  # it was never learned
        return _Doomed(name, set(), {}, is_exact=True)
    symbols = set(chain.from_iterable(from_json(events)))
    known = journal.read(felt, emotives=emotives)
    if known is not None:
        return _Doomed(name, symbols, known, is_exact=True)
    return _Doomed(name, symbols, journal.estimate(from_json(emotives), frequency), is_exact=False)


def _is_vector(symbol: str) -> bool:
    """Whether it may be the name of a vector. Clients may observe any text, also with this prefix."""
    return _VECTOR.fullmatch(symbol) is not None


def _vectors_only_of(node_id: str, memory: int, doomed: Iterable[_Doomed]) -> list[str]:
    """The vectors that these patterns name and no other does, without their prefix."""
    named = Counter(chain.from_iterable(filter(_is_vector, set(one.symbols)) for one in doomed))
    if not named or not _has_vectors(memory):
        return []
    view = _view(node_id)
    tokens = view.symbols.tokens_of(named).tolist()
    return [
        symbol.removeprefix(VECTOR_PREFIX)
        for (symbol, patterns), token in zip(named.items(), tokens, strict=True)
        if token < 0 or view.statistics.membership[token] <= patterns
    ]


def _has_vectors(memory: int) -> bool:
    space = space_of_memory(memory)
    return space.available and space.dimension is not None


def _view(node_id: str) -> "View":
    from memory_app.index import indexes  # these load NumPy and the kernels, which few commands need
    from memory_app.patience import PREDICTION_SECONDS, Bounded

    with Bounded(PREDICTION_SECONDS, "Purging") as stop:
        return indexes.follow(node_id, stop).view
