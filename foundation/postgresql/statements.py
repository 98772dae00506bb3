"""The way to PostgreSQL for the statements that every request runs."""

from collections.abc import Iterator
from functools import cached_property
from time import perf_counter
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from prometheus_client import Counter, Summary
from psycopg import Connection
from psycopg.pq import ExecStatus

from foundation.metrics.registry import registry

Parameters = dict[str, Any]
Row = tuple[Any, ...]

_DURATIONS = Summary(
    "kato_postgresql_duration_seconds",
    "Statements of the request and background paths, by what they are about",
    ["store"],
    registry=registry,
)
_ERRORS = Counter("kato_postgresql_errors", "Statements that failed", ["store"], registry=registry)


class Store:
    """Runs statements about one kind of data, and counts them under its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    # Bound at the first statement: a store that a process never asks has no series.
    @cached_property
    def _durations(self) -> Summary:
        return _DURATIONS.labels(self._name)

    @cached_property
    def _errors(self) -> Counter:
        return _ERRORS.labels(self._name)

    def execute(self, sql: str, parameters: Parameters, *, prepare: bool = True) -> list[Row]:
        """Run one statement on this thread's connection, inside its transaction if there is one.

        It stays prepared there, unless its text is different each time.

        Django's own cursor costs three times as much per statement as psycopg's, so only its connection is used: the
        transaction handling, the reconnecting and the exceptions (`django.db.OperationalError`, …) are Django's.
        """
        # Not the proxy `django.db.connection`: it looks the thread's connection up again at every attribute.
        connection = connections[DEFAULT_DB_ALIAS]
        durations = self._durations
        begun = perf_counter()
        try:
            connection.ensure_connection()
            with connection.wrap_database_errors:
                raw = cast(Connection[Any], connection.connection)
                cursor = raw.execute(sql, parameters, prepare=prepare)
                result = cursor.pgresult
                return cursor.fetchall() if result and result.status == ExecStatus.TUPLES_OK else []
        except Error:
            self._errors.inc()
            raise
        finally:
            durations.observe(perf_counter() - begun)

    def execute_one(self, sql: str, parameters: Parameters) -> Row | None:
        """Like `execute`, for a statement that returns at most one row."""
        rows = self.execute(sql, parameters)
        return rows[0] if rows else None

    @transaction.atomic
    def execute_in_order(self, sql: str, parameters: Parameters) -> list[Row]:
        """Like `execute`, for a page of a long list: its rows are read in the order of an index.

        The plan is made for a node of average size. Left alone it would sort all rows of that, which is quick, and so
        all of a node that has a million.
        """
        self.execute("SET LOCAL enable_sort = off", {})
        return self.execute(sql, parameters)

    def fetch_in_batches(self, sql: str, parameters: Parameters, *, size: int = 10_000) -> Iterator[list[Row]]:
        """The rows of a large result, of one snapshot, a batch at a time in bounded memory."""
        connection = connections[DEFAULT_DB_ALIAS]
        with transaction.atomic(), connection.wrap_database_errors:
            connection.ensure_connection()
            raw = cast(Connection[Any], connection.connection)
            with raw.cursor(name="batches") as cursor:
                cursor.execute(sql, parameters)
                while batch := cursor.fetchmany(size):
                    yield batch


# What is about the server itself, or about no data at all.
OTHER = Store("other")
