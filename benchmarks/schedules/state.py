"""What a world holds, in a form that two runs can be compared in, and what clients would read of it now."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg
from pydantic_core import from_json

from benchmarks.schedules.requests import comparable, send
from benchmarks.schedules.world import World
from sessions_app import cache

_WINDOW = """(
    SELECT COALESCE(json_agg(value ORDER BY position), '[]') FROM sessions_app_entry
    WHERE session_id = one.id AND stream = {stream} AND position > {name}_start AND position <= {name}_end)"""
_WINDOWS = ", ".join(
    f"'{name}', {_WINDOW.format(stream=stream, name=name)}"
    for stream, name in (
        (0, "stm"),
        (0, "seen"),
        (1, "emotives"),
        (1, "seen_emotives"),
        (2, "metadata"),
        (3, "vectors"),
    )
)
# Deadlines in steps of ten seconds from now: a run takes a fraction of that.
_LEFT = """CASE
    WHEN {deadline} <= clock.now() THEN 'expired' WHEN {deadline} > clock.now() + interval '10 hours' THEN 'long'
    ELSE (round(extract(epoch FROM {deadline} - clock.clock_timestamp()) / 10) * 10)::text END"""
_STATE = f"""
    SELECT json_build_object(
        'sessions', (SELECT json_agg(json_build_object(
            'id', id, 'left', {_LEFT.format(deadline="expires_at")},
            'extended', {_LEFT.format(deadline="extended_until")},
            'config', config, 'percept', percept, 'time', time, 'has_bytes', content_bytes IS NOT NULL,
            'own', metadata, {_WINDOWS}
        ) ORDER BY id LIKE 'session-%%', id) FROM sessions_app_session AS one WHERE node_id = %(node)s),
        'orphans', (SELECT count(*) FROM sessions_app_entry AS entry
            LEFT JOIN sessions_app_session AS one ON one.id = session_id
            WHERE session_id IN (%(node)s || '-S', %(node)s || '-T')
                AND (one.id IS NULL OR stream = 0 AND position > stm_end)),
        'patterns', (SELECT json_agg(json_build_array(pattern.events, frequency, emotives, pattern.metadata)
                ORDER BY name)
            FROM memory_app_pattern AS pattern JOIN memory_app_node USING (memory) WHERE node_id = %(node)s),
        'affinities', (SELECT json_agg(json_build_array(symbol, emotive, value) ORDER BY symbol, emotive)
            FROM memory_app_symbolaffinity JOIN memory_app_node USING (memory) WHERE node_id = %(node)s),
        'retired', (SELECT COALESCE(json_agg(json_build_array(encode(name, 'hex'), purged) ORDER BY name), '[]')
            FROM memory_app_retirement JOIN memory_app_node USING (memory) WHERE node_id = %(node)s),
        'finalized', (SELECT finalized_statistics FROM memory_app_node WHERE node_id = %(node)s),
        'events', (SELECT json_agg(json_build_array(session_id, kind)
                ORDER BY session_id LIKE 'session-%%', session_id, changed, kind)
            FROM sessions_app_sessionevent WHERE node_id = %(node)s),
        'keys', (SELECT json_agg(json_build_array(key, convert_from(answer, 'UTF8')) ORDER BY key)
            FROM sessions_app_idempotencykey WHERE scope = 'session:' || %(node)s || '-S'),
        'jobs', (SELECT json_agg(json_build_array(id, state, done, result, (
                SELECT count(*) FROM sessions_app_jobpart WHERE job_id = sessions_app_job.id)) ORDER BY number)
            FROM sessions_app_job WHERE node_id = %(node)s)
    )::text
"""
# What reads the views of the cache.
_READS = {"stm": "stm", "percept": "percept-data", "predictions": "predictions", "cognition": "cognition-data"}


def stored(connection: psycopg.Connection[Any], world: World) -> str:
    row = connection.execute(_STATE, {"node": world.node}).fetchone()
    assert row is not None
    return comparable((0, row[0]), world.name)[1]


def part(state: str, name: str) -> Any:
    return from_json(state)[name]


@dataclass(frozen=True, slots=True)
class Stale:
    path: str
    cached: tuple[int, str]
    read: tuple[int, str]


def stale_reads(world: World, views: Iterable[str]) -> list[Stale]:
    """What a client reads through the cache now, where that is not what is read without it."""
    stale = []
    for view in views:
        path = f"/sessions/{world.session}/{_READS[view]}"
        cached = send("GET", path)
        with patch.object(cache, "get", _miss):
            uncached = send("GET", path)
        if cached != uncached:
            stale.append(Stale(path, cached, uncached))
    return stale


def _miss(session_id: str, version: int, view: str) -> None:
    return None


def differences(one: str, other: str) -> str:
    """Where two states differ, for people."""
    left, right = from_json(one), from_json(other)
    lines = []
    for name in left:
        if left[name] == right[name]:
            continue
        if name == "sessions" and left[name] and right[name] and len(left[name]) == len(right[name]):
            for a, b in zip(left[name], right[name], strict=True):
                lines += [f"{a['id']} {key}: {a[key]} | {b[key]}" for key in a if a[key] != b[key]]
        else:
            lines.append(f"{name}: {left[name]} | {right[name]}")
    return re.sub(r"\s+", " ", "; ".join(lines))
