"""The content of the database that `manage.py verify` checks, and the verdict of the command."""

import io
import json
from typing import Any

import numpy as np
from django.core.management import CommandError, call_command
from django.db import connection

from engine.vectors import named
from sessions_app import operations
from sessions_app.observations import Observation

DATABASE = "verified"


def execute(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


TABLES = [
    *("memory_app_node", "memory_app_clearedmemory", "memory_app_pattern", "memory_app_symbolaffinity"),
    *("memory_app_retirement", "memory_app_patternact", "memory_app_patternofact"),
    *("memory_app_vectorspace", "memory_app_vector", "sessions_app_session", "sessions_app_entry"),
    *("sessions_app_sessionevent", "sessions_app_idempotencykey", "sessions_app_job", "sessions_app_jobpart"),
]


def observation(*strings: str, joy: float | None = None, vector: list[float] | None = None) -> Observation:
    return Observation(
        strings=list(strings),
        vectors=[vector] if vector else [],
        vector=named(np.array(vector)) if vector else None,
        emotives={} if joy is None else {"joy": joy},
        metadata={} if joy is None else {"by": ["b", "a"]},
        unique_id="",
    )


def sequence(text: str, joy: float | None = None) -> list[Observation]:
    return [observation(*event, joy=joy) for event in text.split()]


def new_session(node: str = "kitchen") -> str:
    return operations.create(node_id=node, ttl_seconds=3600, config={}, metadata={}).session_id


class Verdict:
    def __init__(self, *arguments: str) -> None:
        out = io.StringIO()
        self.error: str | None = None
        try:
            call_command("verify", "--json", *arguments, stdout=out)
        except CommandError as error:
            self.error = str(error)
        told = json.loads(out.getvalue())
        self.broken = {one["check"]: one["broken"] for one in told["checks"] if one["broken"]}
        self.mended = {one["check"] for one in told["checks"] if one["mended"]}
        self.examples = [example for one in told["checks"] for example in one["examples"]]
        assert told["holds"] == (self.error is None) == (not self.broken)
        assert [one["check"] for one in told["checks"] if one["not_checked"]] == []


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored except what a repair has to change: versions and transaction ids."""
    touched = "- 'version' - 'changed' - 'created' - 'finalized_version' - 'finalized_snapshot' - 'recorded_at'"
    return {
        table: execute(f"SELECT (to_jsonb(one) {touched})::text AS row FROM {table} AS one ORDER BY row")
        for table in TABLES
    }
