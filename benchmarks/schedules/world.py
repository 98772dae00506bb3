"""Worlds: a node with two sessions, as every run of a pair finds it. Built once by the service, copied for each run.

Ids of a world are its name, followed by what they stand for: the node `world7`, its sessions `world7-S` and `world7-T`,
its job `world7-J`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.schedules import clock
from sessions_app import operations
from sessions_app.jobs import lifecycle
from sessions_app.models.jobs import Kind
from sessions_app.observations import Observation

# A session lives for TTL after its last access, and was not used for a while: an access renews its life.
TTL, LEFT = 1000, 500  # seconds
_VACUUM_EVERY = 10  # times that the worlds are deleted
LONG = 520  # events, enough for the cache

_MOVED = "pg_catalog.now() + (one.expires_at - one.created_at)"
_COPY = f"""
    CREATE SCHEMA world;
    CREATE FUNCTION world.renamed(id text, name text) RETURNS text LANGUAGE sql IMMUTABLE AS
        $$ SELECT name || '-' || split_part(id, '-', 2) $$;
    CREATE FUNCTION world.copy(template text, name text, last text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE former bigint; fresh bigint;
    BEGIN
        {clock.PUT_BACK};
        -- An hour may pass in this world, and nothing is to happen to the last one meanwhile.
        UPDATE sessions_app_session SET expires_at = pg_catalog.now() + interval '1 year' WHERE node_id = last;
        INSERT INTO sessions_app_session SELECT (jsonb_populate_record(one, jsonb_build_object(
            'id', world.renamed(one.id, name), 'node_id', name,
            'created_at', pg_catalog.now(), 'expires_at', {_MOVED}))).*
        FROM sessions_app_session AS one WHERE node_id = template;
        INSERT INTO sessions_app_entry (session_id, stream, position, value)
        SELECT world.renamed(session_id, name), stream, position, value FROM sessions_app_entry
        WHERE session_id IN (template || '-S', template || '-T');
        INSERT INTO sessions_app_sessionevent (changed, kind, recorded_at, session_id, node_id, happened_at)
        SELECT pg_current_xact_id(), 0, pg_catalog.clock_timestamp(), id, node_id, created_at
        FROM sessions_app_session WHERE node_id = name;
        INSERT INTO sessions_app_job SELECT (jsonb_populate_record(one, jsonb_build_object(
            'id', world.renamed(one.id, name), 'node_id', name, 'session_id', world.renamed(one.session_id, name),
            'number', nextval('sessions_app_job_number')))).*
        FROM sessions_app_job AS one WHERE node_id = template ORDER BY number;
        INSERT INTO sessions_app_jobpart (job_id, number, content)
        SELECT world.renamed(job_id, name), number, content FROM sessions_app_jobpart
        WHERE job_id = template || '-J';
        SELECT memory INTO former FROM memory_app_node WHERE node_id = template;
        IF former IS NULL THEN RETURN; END IF;
        fresh := nextval('memory_app_memory');
        INSERT INTO memory_app_node SELECT (jsonb_populate_record(one, jsonb_build_object(
            'node_id', name, 'memory', fresh))).*
        FROM memory_app_node AS one WHERE node_id = template;
        INSERT INTO memory_app_pattern
            (memory, name, events, length, frequency, emotives, metadata, felt, created, changed)
        SELECT fresh, one.name, events, length, frequency, emotives, metadata, felt,
            pg_current_xact_id(), pg_current_xact_id()
        FROM memory_app_pattern AS one WHERE memory = former;
        INSERT INTO memory_app_symbolaffinity
            (memory, symbol_key, emotive_key, symbol, emotive, value, changed)
        SELECT fresh, symbol_key, emotive_key, symbol, emotive, value, pg_current_xact_id()
        FROM memory_app_symbolaffinity WHERE memory = former;
    END $$;
"""
_TABLES = (
    ("sessions_app_session", "node_id"),
    ("sessions_app_entry", "session_id"),
    ("sessions_app_sessionevent", "session_id"),
    ("sessions_app_job", "id"),
    ("sessions_app_jobpart", "job_id"),
    ("sessions_app_idempotencykey", "scope"),
)
_OF_MEMORIES = (
    *("memory_app_pattern", "memory_app_symbolaffinity"),
    *("memory_app_retirement", "memory_app_patternact"),
)
_RENAMED_IDS = (
    ("sessions_app_session", "id"),
    ("sessions_app_entry", "session_id"),
    ("sessions_app_sessionevent", "session_id"),
    ("sessions_app_job", "session_id"),
)


@dataclass(frozen=True, slots=True)
class World:
    """One node with its sessions, its job and its memory, at the beginning of a run."""

    name: str

    @property
    def node(self) -> str:
        return self.name

    @property
    def session(self) -> str:
        return f"{self.name}-S"

    @property
    def other_session(self) -> str:
        return f"{self.name}-T"

    @property
    def job(self) -> str:
        return f"{self.name}-J"


class Worlds:
    """Makes worlds. `features` say how one differs from the plain one; see `_FEATURES`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._templates: dict[frozenset[str], str] = {}
        self._number = self._cleared = 0
        self._last = ""
        connection.execute(_COPY, prepare=False)

    def new(self, features: frozenset[str]) -> World:
        template = self._templates.get(features)
        if template is None:
            template = self._templates[features] = f"template.{len(self._templates)}"
            self._build(template, features)
        self._number += 1
        self._last, last = f"world{self._number}", self._last
        self._connection.execute("SELECT world.copy(%s, %s, %s)", (template, self._last, last))
        return World(self._last)

    def clear(self) -> None:
        """Delete all worlds, but no template."""
        for table, column in _TABLES:
            self._connection.execute(
                f"DELETE FROM {table} WHERE {column} NOT LIKE 'template.%' AND {column} NOT LIKE 'session:template.%'"
            )
        self._connection.execute("DELETE FROM memory_app_node WHERE node_id NOT LIKE 'template.%'")
        for table in _OF_MEMORIES:
            self._connection.execute(f"DELETE FROM {table} WHERE memory NOT IN (SELECT memory FROM memory_app_node)")
        self._connection.execute(
            "DELETE FROM memory_app_patternofact WHERE act NOT IN (SELECT number FROM memory_app_patternact)"
        )
        self._connection.execute("DELETE FROM memory_app_clearedmemory")
        self._cleared += 1
        if self._cleared % _VACUUM_EVERY == 0:
            self._connection.execute("VACUUM")

    def _build(self, node: str, features: frozenset[str]) -> None:
        for letter in "ST":
            made = operations.create(node_id=node, ttl_seconds=TTL, config={}, metadata={"of": letter}).session_id
            if "fresh" not in features:
                _observe(made, "a", "b", learn=True)
                _observe(made, "a", "c", learn=True)
            _observe(made, "a", "b")
            if letter == "S":
                for feature in sorted(features):
                    _FEATURES[feature].prepare(made, node)
            for feature in sorted(features):
                operations.update_config(session_id=made, changes=_FEATURES[feature].config)
            for table, column in _RENAMED_IDS:
                self._connection.execute(
                    f"UPDATE {table} SET {column} = %s WHERE {column} = %s", (f"{node}-{letter}", made)
                )
        for table, column in (("sessions_app_jobpart", "job_id"), ("sessions_app_job", "id")):
            self._connection.execute(
                f"UPDATE {table} SET {column} = %s WHERE {column} IN"
                " (SELECT id FROM sessions_app_job WHERE node_id = %s)",
                (f"{node}-J", node),
            )
        # The other session outlives all that happens here; no chore finds those of a template.
        for letter, left in (("S", -100 if "expired" in features else LEFT), ("T", 100_000)):
            self._connection.execute(
                "UPDATE sessions_app_session SET created_at = created_at + interval '1 year',"
                " expires_at = created_at + interval '1 year' + make_interval(secs => %s) WHERE id = %s",
                (left, f"{node}-{letter}"),
            )


def _observation(symbol: str, metadata: dict[str, Any]) -> Observation:
    return Observation([symbol], vectors=[], vector=None, emotives={"joy": 1.0}, metadata=metadata, unique_id="")


def _observe(session_id: str, *symbols: str, learn: bool = False) -> None:
    observations = [_observation(symbol, metadata={"at": symbol}) for symbol in symbols]
    operations.observe_sequence(session_id=session_id, observations=observations, learn_at_end=learn)


def _make_long(session_id: str, node: str) -> None:
    observations = [_observation("long", metadata={})] * LONG
    operations.observe_sequence(session_id=session_id, observations=observations)


def _accept_job(session_id: str, node: str) -> None:
    body = b'{"observations": [{"strings": ["j"]}, {"strings": ["k"]}], "learn_at_end": true}'
    lifecycle.accept(
        kind=Kind.OBSERVE_SEQUENCE, node_id=node, session_id=session_id, parameters={}, total=2, parts=[body]
    )


def _nothing(session_id: str, node: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Feature:
    config: dict[str, Any]
    prepare: Callable[[str, str], None] = _nothing


_FEATURES = {
    # The next observation makes the session learn.
    "learns": _Feature({"max_pattern_length": 3, "stm_mode": "CLEAR"}),
    "rolls": _Feature({"max_pattern_length": 3, "stm_mode": "ROLLING"}),
    "fresh": _Feature({}),
    "long": _Feature({}, _make_long),
    "job": _Feature({}, _accept_job),
    "expired": _Feature({}),
}
