"""Retiring patterns, and the reverse. What is retired is neither predicted nor learned; all statistics stay.

Every act on patterns locks the node's row against learns (which hold it shared), so each learn is either before it, or
finds the patterns retired. Locks are taken in the order of learns: the caller's session, the node, patterns.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from foundation import callers, logs
from foundation.postgresql.statements import Row
from memory_app.counters import count_acts_on_commit
from memory_app.errors import TooManyRetired
from memory_app.models import PatternAct
from memory_app.operations.patterns import insert_node
from memory_app.stores import PATTERNS

_MEMORY = "SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s"
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s FOR UPDATE"
# Like the version of a session, it jumps to the clock's microseconds: after a restore from a back-up, no version comes
# back under which Redis may still hold predictions that the restore undid.
NEXT_ACTS_VERSION = "GREATEST(acts_version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
_GIVEN = "unnest(%(names)b::text[]) WITH ORDINALITY AS given (name, place)"


def record(kind: PatternAct.Kind, acted_on: str, *, of_purge: str = "NULL::bigint, NULL::boolean") -> str:
    """SQL that records an act, as parts of a WITH. `acted_on`: what has the binary names of its patterns, as `name`."""
    return f"""
        act AS (
            INSERT INTO memory_app_patternact
                (kind, node_id, memory, happened_at, key_id, "user", trace_id, why, changed)
            SELECT '{kind}', %(node_id)s, %(memory)s, clock_timestamp(), %(key_id)s, %(user)s, %(trace_id)s, %(why)s,
                pg_current_xact_id()
            WHERE EXISTS (SELECT FROM {acted_on}) RETURNING number
        ), recorded AS (
            INSERT INTO memory_app_patternofact (act, name, frequency, exact)
            SELECT act.number, acted_on.name, {of_purge} FROM act, {acted_on} AS acted_on
        )
    """


def _statement(change: str, kind: PatternAct.Kind) -> str:
    return f"""
        WITH acted_on AS ({change}), {record(kind, "acted_on")}, noted AS (
            UPDATE memory_app_node SET acts_version = {NEXT_ACTS_VERSION}
            WHERE node_id = %(node_id)s AND EXISTS (SELECT FROM acted_on)
        )
        SELECT encode(name, 'hex'), never_learned FROM acted_on
    """


_RETIRE = _statement(
    f"""
        INSERT INTO memory_app_retirement (memory, name, purged, never_learned)
        SELECT %(memory)s, binary_name, name = ANY(%(purged)b::text[]) AND is_unknown, is_unknown
        FROM {_GIVEN}, LATERAL (SELECT decode(name, 'hex') AS binary_name) AS as_stored, LATERAL (
            SELECT NOT EXISTS (SELECT FROM memory_app_pattern AS one
                WHERE one.memory = %(memory)s AND one.name = binary_name) AS is_unknown
        ) AS known
        ON CONFLICT (memory, name) DO NOTHING RETURNING name, never_learned
    """,
    PatternAct.Kind.RETIRED,
)
_UN_RETIRE = _statement(
    f"""
        DELETE FROM memory_app_retirement
        WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(name, 'hex') FROM {_GIVEN}))
        RETURNING name, never_learned
    """,
    PatternAct.Kind.UN_RETIRED,
)

_COUNT_NEVER_LEARNED = """
    SELECT count(*) FROM (
        SELECT FROM memory_app_retirement WHERE memory = %(memory)s AND never_learned LIMIT %(most)s + 1) AS one
"""
_MOST_NEVER_LEARNED: int = settings.ENV.limit_retired


class ActedOn(NamedTuple):
    """Names, each once, in the order in which they were given. `others`: of those there was nothing to do for.

    `never_learned`: how many of `names` the node has never learned.
    """

    names: list[str]
    others: list[str]
    never_learned: int


def lock(node_id: str) -> int | None:
    """Keep learns of the node out until the transaction ends; returns its memory number, None where it has none."""
    row = PATTERNS.execute_one(_LOCK_NODE, {"node_id": node_id})
    return None if row is None else int(row[0])


def memory_of(node_id: str) -> int | None:
    """Its memory number at this moment."""
    row = PATTERNS.execute_one(_MEMORY, {"node_id": node_id})
    return None if row is None else int(row[0])


def lock_or_make(node_id: str) -> int:
    """As `lock`; the node exists from then on."""
    memory = lock(node_id)
    if memory is None:
        insert_node(node_id)
        memory = lock(node_id)
        assert memory is not None
    return memory


@transaction.atomic
def retire(*, node_id: str, names: Sequence[str], purged: Sequence[str] = (), why: str | None = None) -> ActedOn:
    """Hide these patterns (40 hexadecimal digits each) from the node's predictions, and refuse to learn them.

    A name that the node never learned is retired, too; the node exists from then on. purged: of the names, those that
    another node had purged; they count as purged here if this node has nothing of them. Raises TooManyRetired.
    """
    memory = lock_or_make(node_id)
    parameters = {"memory": memory, "names": list(names), "purged": list(purged)}
    retired = PATTERNS.execute(_RETIRE, {**act_of_caller(node_id, why), **parameters})
    acted_on = _divided(names, retired)
    if acted_on.never_learned:
        _check_never_learned(memory)
    return _counted(PatternAct.Kind.RETIRED, acted_on)


def _check_never_learned(memory: int) -> None:
    """Raises TooManyRetired."""
    [(number,)] = PATTERNS.execute(_COUNT_NEVER_LEARNED, {"memory": memory, "most": _MOST_NEVER_LEARNED})
    if number > _MOST_NEVER_LEARNED:
        raise TooManyRetired(limit=_MOST_NEVER_LEARNED)


@transaction.atomic
def un_retire(*, node_id: str, names: Sequence[str], why: str | None = None) -> ActedOn:
    """Let the node predict and learn these patterns again. What was purged does not come back."""
    memory = lock(node_id)
    if memory is None:
        return _divided(names, [])
    parameters = {**act_of_caller(node_id, why), "memory": memory, "names": list(names)}
    return _counted(PatternAct.Kind.UN_RETIRED, _divided(names, PATTERNS.execute(_UN_RETIRE, parameters)))


def act_of_caller(node_id: str, why: str | None) -> dict[str, str | None]:
    caller = callers.current()
    by = {"key_id": caller.key_id, "user": caller.user, "trace_id": logs.trace_id()}
    return {"node_id": node_id, "why": why, **by}


def _divided(names: Iterable[str], rows: Iterable[Row]) -> ActedOn:
    """`rows`: the names of those that something was done for, each with whether the node has never learned it."""
    done: dict[str, bool] = dict(rows)
    given = list(dict.fromkeys(names))
    others = [name for name in given if name not in done]
    return ActedOn([name for name in given if name in done], others, sum(done.values()))


def _counted(kind: PatternAct.Kind, done: ActedOn) -> ActedOn:
    count_acts_on_commit(kind, len(done.names))
    return done
