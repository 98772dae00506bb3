"""A transaction beside the requests of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, transaction

import memory_app.operations.patterns
from benchmarks.stack import eventually
from engine.lesson import prepare_lesson
from engine.vectors import named, sum_vectors
from foundation.postgresql.statements import OTHER
from memory_app.vectors import NodeVectors


@contextmanager
def locked(database: psycopg.Connection, session_id: str) -> Iterator[None]:
    """Inside the block, requests that write to the session wait for its row."""
    with database.transaction():
        database.execute("SELECT FROM sessions_app_session WHERE id = %s FOR UPDATE", [session_id])
        yield


@contextmanager
def changing(database: psycopg.Connection, session_id: str) -> Iterator[None]:
    """As `locked`, but afterwards the row is another one, and the statements that waited judge it again."""
    with database.transaction():
        database.execute("UPDATE sessions_app_session SET time = time + 1 WHERE id = %s", [session_id])
        yield


def waits_for_locks(database: psycopg.Connection) -> int:
    """How many transactions wait for a lock of another one."""
    return database.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount


class Other:
    """A transaction of this process on a node; it commits when its block ends."""

    def __init__(self, node: str, database: psycopg.Connection) -> None:
        self.node = node
        self._database = database

    def __enter__(self) -> "Other":
        self._atomic = transaction.atomic()
        self._atomic.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._atomic.__exit__(*error)
        connection.close()

    def learn(self, *values: float) -> None:
        vectors = NodeVectors(self.node)
        vectors.learn([named(sum_vectors([values]))])
        memory_app.operations.patterns.learn(node_id=self.node, lessons=[], persistence=5, vectors=vectors)

    def learn_pattern(self, *events: str) -> None:
        """Events of one-letter symbols."""
        lesson = prepare_lesson([list(event) for event in events])
        assert lesson is not None
        memory_app.operations.patterns.learn(node_id=self.node, lessons=[lesson], persistence=5)

    def wait_until_a_request_waits_for_it(self) -> None:
        [(pid,)] = OTHER.execute("SELECT pg_backend_pid()", {})
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
        eventually(lambda: self._database.execute(waiting, [pid]).fetchone() != (0,), "a request waits for it")
